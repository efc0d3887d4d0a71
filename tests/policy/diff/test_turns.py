"""Turns of a conversation compared: the prefix that a cache could hold, what is new, results of tools."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.cli.demo import dialects, sessions
from soth_mitm.decode.llm.turns import common, fingerprint, turn_of
from soth_mitm.policy.diff import (
    DiffReport,
    Kind,
    Sample,
    Side,
    answers_to,
    compare_last_turns,
    compare_turns,
    links_of_side,
)
from soth_mitm.policy.diff.turns import first_break
from tests.decode.llm.dialects import (
    CHAT,
    CHAT_STREAMED,
    CONVERSE_STREAMED,
    MESSAGES,
    MESSAGES_STREAMED,
    REQUESTS,
)

ASKED = {"role": "user", "content": "Weather?"}
USED = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Paris"}}],
}
GIVEN = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "sunny"}]}


def request(*messages: object, **more: object) -> bytes:
    """Return a request of Anthropic Messages."""
    body = {"model": "m-1", "max_tokens": 9, "tools": [{"name": "weather"}], "system": "Be brief.", **more}
    return json.dumps({**body, "messages": list(messages)}).encode()


def side(
    body: bytes, answer: bytes = b"", content_type: bytes = b"text/event-stream", path: bytes = MESSAGES
) -> Side:
    said = Sample(body=answer, body_bytes=len(answer), content_type=content_type) if answer else None
    return Side(path, Sample(body=body, body_bytes=len(body), content_type=b"application/json"), said)


def titled(report: DiffReport) -> dict[str, list[str]]:
    """Return what a report says, by section."""
    return {
        section.title: [
            " | ".join(filter(None, (line.label, line.left, line.right))) for line in section.lines
        ]
        for section in report.sections
    }


PREFIX, CALLS = "Prefix that a cache could hold", "Calls of tools and their results"


def test_a_turn_that_goes_on_has_the_earlier_one_as_its_beginning_and_the_results_of_its_calls() -> None:
    first, second = request(ASKED), request(ASKED, USED, GIVEN)
    said = titled(compare_turns(side(first, MESSAGES_STREAMED.body), side(second)))
    earlier = turn_of(MESSAGES, first)
    assert earlier is not None
    size = sum(len(part.data) for part in earlier.parts)
    assert said[PREFIX] == [
        f"all of the earlier prompt is the same: {size} bytes, 1 tool, the system's text, 1 message"
    ]
    assert said[CALLS] == ['c1 | weather {"city": "Paris"} | sunny']
    assert [line.partition(" | ")[0] for line in said["New at the end"]] == [
        "messages[1] · assistant", "messages[2] · user",
    ]  # fmt: skip
    assert said["Tokens"][0].startswith("4 tokens in, 16 more from the cache")


def test_the_first_byte_that_differs_is_told_with_its_place() -> None:
    first = request({"role": "user", "content": "It is 10:01. Weather?"})
    second = request({"role": "user", "content": "It is 10:02. Weather?"}, USED)
    report = compare_turns(side(first), side(second))
    said = titled(report)[PREFIX]
    one, other = turn_of(MESSAGES, first), turn_of(MESSAGES, second)
    assert one is not None
    assert other is not None
    broken = first_break(one, other)
    assert broken is not None
    assert one.parts[broken.part].data[broken.inside : broken.inside + 1] == b"1"
    assert other.parts[broken.part].data[broken.inside : broken.inside + 1] == b"2"
    assert broken.offset == sum(len(part.data) for part in one.parts[: broken.part]) + broken.inside
    assert said[0] == f"the first {broken.offset} bytes are the same: 1 tool, the system's text, 0 messages"
    assert said[1] == f"first difference: byte {broken.inside} of messages[0] · user"
    assert "10:01" in said[2]
    assert "10:02" in said[2]
    assert "messages[0] · user" in titled(report)
    assert report.differences > 0


def test_a_tool_that_changed_breaks_all_behind_it() -> None:
    report = compare_turns(side(request(ASKED)), side(request(ASKED, tools=[{"name": "time"}])))
    assert titled(report)[PREFIX][1].startswith(
        "first difference: byte 9 of tools[0] · weather, now tools[0] · time"
    )


def test_marks_for_caching_and_the_form_of_text_do_not_count() -> None:
    marked = {
        "role": "user",
        "content": [{"type": "text", "text": "Weather?", "cache_control": {"type": "ephemeral"}}],
    }
    one, other = turn_of(MESSAGES, request(ASKED)), turn_of(MESSAGES, request(marked))
    assert one is not None
    assert other is not None
    assert first_break(one, other) is None


def test_a_call_without_a_result_says_so_and_one_that_failed_too() -> None:
    failed = {"role": "user", "content": [{**GIVEN["content"][0], "is_error": True}]}  # type: ignore[dict-item]
    first = side(request(ASKED), MESSAGES_STREAMED.body)
    assert "has no result in this turn" in titled(compare_turns(first, side(request(ASKED, USED))))[CALLS][0]
    assert titled(compare_turns(first, side(request(ASKED, USED, failed))))[CALLS][0].endswith(
        "| failed: sunny"
    )


@pytest.mark.parametrize("name", REQUESTS)
def test_turns_of_every_dialect_have_a_prompt_in_order(name: str) -> None:
    _, path, body, blocks = REQUESTS[name]
    turn = turn_of(path, json.dumps(body).encode())
    assert turn is not None
    where = [part.where.partition("[")[0] for part in turn.parts]
    assert where[0] in ("tools", "toolConfig")
    assert where[-1] in ("messages", "input", "contents")
    assert len(turn.blocks.blocks) == len(blocks)
    assert fingerprint(path, json.dumps(body).encode())


def test_calls_are_joined_across_the_dialects_that_stream_them() -> None:
    for sample, name in ((CHAT_STREAMED, "chat"), (CONVERSE_STREAMED, "converse")):
        _, path, body, _ = REQUESTS[name]
        later = json.dumps(body).encode()
        report = compare_turns(side(later, sample.body, sample.content_type, path), side(later, path=path))
        assert titled(report)[CALLS][0] == 'c1 | weather {"city": "Paris"} | sunny'


def test_the_previous_turn_is_the_one_that_shares_most_messages() -> None:
    now = fingerprint(MESSAGES, request(ASKED, USED, GIVEN))
    shared = [
        common(fingerprint(MESSAGES, each), now)
        for each in (request(ASKED, USED), request(ASKED), request(GIVEN))
    ]
    assert shared == [2, 1, 0]
    assert (
        fingerprint(
            CHAT, json.dumps({"model": "m", "messages": [{"role": "system", "content": "x"}]}).encode()
        )
        == ()
    )


def test_what_is_no_conversation_says_so() -> None:
    report = compare_turns(side(b"{}"), side(request(ASKED)))
    assert [line.kind for line in report.sections[0].lines] == [Kind.NOTE]
    assert fingerprint(MESSAGES, b"\xff") == ()


values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "text", "type", "name", "cache_control"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(values, values)
def test_any_two_requests_are_survived(one: object, other: object) -> None:
    bodies = [
        json.dumps({"model": "m", "messages": each, "tools": each, "system": each}).encode()
        for each in (one, other)
    ]
    compare_turns(side(bodies[0], bodies[1], b"application/json"), side(bodies[1]))


# --- what the provider keeps


def responses(**body: object) -> bytes:
    more = {"model": "m-1", "tools": [{"type": "function", "name": "stock"}], "instructions": "Be brief."}
    return json.dumps({**more, **body}).encode()


def streamed(again: bool) -> bytes:
    return b"".join(dialects.WAYS["responses"].says(again))


RESULT = {"type": "function_call_output", "call_id": dialects.CALL, "output": dialects.RESULT}


def test_a_request_that_continues_an_answer_is_compared_with_all_that_it_continues() -> None:
    first = side(responses(input="Is it there?"), streamed(again=False), path=b"/v1/responses")
    second = side(responses(input=[RESULT], previous_response_id="resp_1"), path=b"/v1/responses")
    said = titled(compare_turns(first, second))
    assert said[PREFIX][0] == "continues resp_1: the earlier request and its answer count as its beginning"
    assert "all of the earlier prompt is the same" in said[PREFIX][1]
    assert [line.split(" | ")[0] for line in said["New at the end"]] == [
        "input[1] \N{MIDDLE DOT} function_call", "input[2] \N{MIDDLE DOT} function_call_output",
    ]  # fmt: skip
    (call,) = said[CALLS]
    assert dialects.RESULT in call
    assert "Settings" not in said
    assert (links_of_side(second).after, answers_to(first)) == ("resp_1", "resp_1")
    third = side(responses(input="So?", previous_response_id="resp_9"), path=b"/v1/responses")
    assert titled(compare_turns(first, third))[PREFIX][0].startswith("continues resp_9, which is another")


def test_a_conversation_that_the_provider_keeps_is_followed_by_its_id() -> None:
    kept = {"id": "conv_1"}
    first = side(responses(input="Hm?", conversation=kept), streamed(again=True), path=b"/v1/responses")
    second = side(responses(input="So?", conversation="conv_1"), path=b"/v1/responses")
    assert links_of_side(first) == links_of_side(second) == ("", "conv_1")
    said = titled(compare_turns(first, second))
    assert said[PREFIX][:2] == [
        "continues conv_1: the earlier request and its answer count as its beginning",
        "what conv_1 holds was before both, and is not shown",
    ]
    assert len(said["New at the end"]) == 2


def test_the_last_two_turns_of_a_websocket_are_compared() -> None:
    talk = []
    for again in (False, True):
        (step,) = sessions.SESSIONS["turns"].steps
        talk += [step.says[again], *dialects.response_events(again)]
    data = b"".join(json.dumps(each).encode() for each in talk)
    said = titled(compare_last_turns(b"/v1/responses", data))
    assert "all of the earlier prompt is the same" in said[PREFIX][0]
    assert dialects.RESULT in said[CALLS][0]
    assert str(dialects.FIRST.input) in said["Tokens"][0]
    once = b"".join(json.dumps(each).encode() for each in talk[:4])
    assert titled(compare_last_turns(b"/v1/responses", once)) == {
        "Conversation": ["there is only one turn by now"]
    }
    assert titled(compare_last_turns(b"/ws", b'{"a": 1}')) == {"Conversation": ["no turn has begun"]}
    longer = data + b" " * 8 * 1024 * 1024  # and what comes behind is not there
    assert titled(compare_last_turns(b"/v1/responses", longer)) == {
        "Conversation": ["more than 8 MiB of text have passed, too much to put turns together"]
    }


def test_a_turn_of_realtime_begins_with_all_that_was_said_before() -> None:
    def item(mark: str, said: str) -> dict[str, object]:
        return {
            "id": mark,
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": said}],
        }

    def answer(mark: str, said: str) -> list[dict[str, object]]:
        output = {
            "id": mark,
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": said}],
        }
        usage = {"input_tokens": 7, "input_token_details": {"cached_tokens": 3}, "output_tokens": 2}
        done = {"id": f"r{mark}", "status": "completed", "output": [output], "usage": usage}
        return [{"type": "response.created", "response": {}}, {"type": "response.done", "response": done}]

    heard = "conversation.item.input_audio_transcription.completed"
    talk: list[dict[str, object]] = [
        {"type": "session.created", "session": {"model": "m-1", "instructions": "Be kind."}},
        {"type": "conversation.item.create", "item": item("a", "Hello")},
        {"type": "conversation.item.create", "item": item("b", "Hello?")},
        *answer("c", "Good day."),
        {"type": "conversation.item.delete", "item_id": "b"},
        {"type": heard, "item_id": "d", "transcript": "How are you?"},
        *answer("e", "Well."),
    ]
    said = titled(compare_last_turns(b"/v1/realtime", b"".join(json.dumps(each).encode() for each in talk)))
    assert said[PREFIX][1].endswith("of input[1] \N{MIDDLE DOT} user, now input[1] \N{MIDDLE DOT} assistant")
    assert any("How are you?" in line for line in said["New at the end"])
    assert "3 of them from the cache" in said["Tokens"][0]
