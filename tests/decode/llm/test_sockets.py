"""A WebSocket's conversation message by message: sums over its answers, the pace of the latest, its end."""

from __future__ import annotations

import json
from typing import Any

from soth_mitm.cli.demo import dialects
from soth_mitm.cli.demo.dialects import FIRST, SECOND
from soth_mitm.decode.llm.recognise import model_of
from soth_mitm.decode.llm.sockets import SocketFollowing
from soth_mitm.model.events import LlmFacts
from soth_mitm.model.llm import Call

_MS = 1_000_000
REALTIME = b"/v1/realtime?model=gpt-realtime"


class Talk:
    """A WebSocket whose messages are said one by one, at times of their own."""

    def __init__(self, path: bytes = REALTIME) -> None:
        self.following = SocketFollowing(path)
        self.at = 0
        self.told: list[LlmFacts] = []

    def say(self, kind: object, *, up: bool = False, after: int = 10, **more: Any) -> None:  # noqa: ANN401
        """Say a message, `after` so many milliseconds."""
        self.at += after * _MS
        data = json.dumps({"type": kind, **more}).encode()
        facts = self.following.feed(data, sent=up, now_ns=self.at)
        self.told += [facts] if facts is not None else []

    def answer(
        self, *, first: int, rest: int, usage: object, status: str = "completed", **more: object
    ) -> None:
        """Give an answer of two pieces of text, which come after so many milliseconds."""
        self.say("response.created", response={"id": "r"})
        where: dict[str, Any] = {"output_index": 0, "content_index": 0}
        self.say("response.output_text.delta", after=first, **where, delta="Yes")
        self.say("response.output_text.delta", after=rest, **where, delta=".")
        self.say("response.done", response={"status": status, "usage": usage, **more})


def used(count: int, **more: int) -> dict[str, object]:
    told = {"text_tokens": count, "cached_tokens": 4, **more}
    return {"input_tokens": count, "output_tokens": 2, "input_token_details": told}


def test_numbers_are_those_of_all_answers_and_the_pace_that_of_the_latest() -> None:
    talk = Talk()
    talk.say("session.created", session={"model": "gpt-4o"})
    talk.say("response.create", up=True)
    talk.answer(first=290, rest=100, usage=used(10))
    talk.say("conversation.item.create", up=True, item={"type": "message", "role": "user", "content": "Hm?"})
    talk.say("input_audio_buffer.committed", after=60_000)
    talk.answer(first=490, rest=3000, usage=used(20))
    assert [(each.turns, each.final, each.input_tokens) for each in talk.told] == [
        (0, False, -1), (1, False, -1), (1, False, 10), (2, False, 10), (2, False, 30),
    ]  # fmt: skip
    assert [each.first_ns // _MS for each in talk.told] == [-1, 300, 300, 500, 500]
    last = talk.following.finish()
    assert last is not None
    assert (last.input_tokens, last.output_tokens, last.cached_tokens) == (30, 4, 8)
    assert (last.text_ns // _MS, last.stalls, last.longest_gap_ns // _MS) == (3100, 1, 3000)
    assert (last.final, last.complete, last.stop_reason, last.error) == (True, True, "completed", "")
    call = Call.of(last, ttfb_ns=77 * _MS)
    assert (call.first_token_ns // _MS, call.model, call.turns) == (500, "gpt-4o", 2)
    assert round(call.rate, 2) == 1.29


def test_the_cost_is_known_where_that_of_every_answer_is() -> None:
    talk = Talk()
    talk.say("session.created", session={"model": "gpt-4o"})
    talk.answer(first=1, rest=1, usage=used(1000))
    once = talk.told[-1]
    assert once.cost > 0
    assert once.priced
    talk.answer(first=1, rest=1, usage=used(1000))
    assert talk.told[-1].cost == 2 * once.cost
    talk.answer(first=1, rest=1, usage=used(1000, audio_tokens=3))
    assert (talk.told[-1].cost, talk.told[-1].input_tokens) == (-1, 3000)


def test_an_answer_that_was_cut_off_and_one_that_failed_are_told_as_such() -> None:
    talk = Talk()
    talk.say("session.created", session={"model": "gpt-4o"})
    talk.answer(
        first=1, rest=1, usage=None, status="failed",
        status_details={"type": "failed", "error": {"type": "server_error", "message": "Sorry\x1b[2J"}},
    )  # fmt: skip
    assert (talk.told[-1].error, talk.told[-1].complete) == ("server_error: Sorry\\x1b[2J", False)
    talk.answer(
        first=1, rest=1, usage=used(3), status="cancelled", status_details={"reason": "turn_detected"}
    )
    assert (talk.told[-1].error, talk.told[-1].stop_reason) == ("", "turn_detected")
    talk.say("response.created", response={"id": "r"})
    last = talk.following.finish()
    assert last is not None
    assert (Call.of(last, 0).ending, last.cost) == ("cut off", -1)


def test_two_turns_of_responses_are_counted_like_two_calls() -> None:
    talk = Talk(b"/v1/responses")
    for again in (False, True):
        asked: dict[str, Any] = dialects.WAYS["responses"].asks(again)
        talk.say("response.create", up=True, **asked)
        for event in dialects.response_events(again):
            more: dict[str, Any] = {name: value for name, value in event.items() if name != "type"}
            talk.say(event["type"], **more)
    last = talk.following.finish()
    assert last is not None
    assert (last.dialect, last.model) == ("OpenAI Responses over WebSocket", dialects.MODEL)
    assert (last.input_tokens, last.output_tokens) == (
        FIRST.input + SECOND.input,
        FIRST.output + SECOND.output,
    )
    assert (last.cached_tokens, last.turns, last.first_ns // _MS) == (SECOND.cached, 2, 20)


def test_what_is_no_conversation_is_looked_at_four_times_and_sound_is_passed_over() -> None:
    other = Talk(b"/chat")
    for number in range(4):
        assert not other.following.over
        other.say("hello", n=number)
    assert other.following.over
    assert (other.told, other.following.finish()) == ([], None)
    talk = Talk()
    talk.say("session.created", session={})
    talk.say("input_audio_buffer.append", up=True, audio="AAAA" * 50)
    assert talk.following._reader is not None
    assert talk.following._reader.conversation.messages == 1


def test_a_path_of_realtime_names_the_model() -> None:
    assert model_of(REALTIME) == "gpt-realtime"
    assert model_of(b"/openai/realtime?api-version=1&deployment=my%2Dvoice") == "my-voice"
    assert model_of(b"/v1/realtime?amodel=x") == ""
    assert model_of(b"/v1/realtime?a=1#&model=x") == ""
    assert model_of(b"/v1/other?a=/realtime?model=x") == ""
