"""A call as its bytes come: the numbers of every dialect, times, stalls, ends, and what is no call."""

from __future__ import annotations

import json

import pytest

from soth_mitm.decode.llm import Dialect, following
from soth_mitm.decode.llm.following import Following
from soth_mitm.model.events import LlmFacts
from soth_mitm.model.llm import Call
from tests.decode.llm.dialects import ANSWERS, CHAT, CHAT_STREAMED, MESSAGES, MESSAGES_STREAMED, SSE, events

_MS = 1_000_000


def _beside(name: str) -> bool:
    """Say whether the tokens of the cache come on top of the input."""
    return name.startswith(("messages", "converse", "invoke")) and name != "invoke, chat"


def told(
    path: bytes, media_type: bytes, body: bytes, *, pieces: int = 1, step_ns: int = 0
) -> tuple[list[LlmFacts], LlmFacts | None]:
    """Return what is told while a body comes in pieces of equal size, and at its end."""
    call = Following(path, media_type.partition(b";")[0], head_ns=0)
    size = -(-len(body) // pieces) or 1
    facts: list[LlmFacts] = []
    for number, start in enumerate(range(0, len(body), size)):
        facts += [
            each for each in call.feed(body[start : start + size], number * step_ns) if each is not None
        ]
    return facts, call.finish()


@pytest.mark.parametrize("pieces", [1, 7, 100_000])
@pytest.mark.parametrize("name", ANSWERS)
def test_the_numbers_equal_those_of_the_final_record_of_usage(name: str, pieces: int) -> None:
    sample = ANSWERS[name]
    early, facts = told(sample.path, sample.content_type, sample.body, pieces=pieces)
    assert facts is not None
    usage = sample.usage
    beside = usage.get("cached", 0) + usage.get("written", 0) if _beside(name) else 0
    more = usage.get("thinking", 0) if sample.dialect == Dialect.GEMINI else 0
    assert facts.input_tokens == (usage["input"] + beside if "input" in usage else -1)
    assert facts.output_tokens == (usage["output"] + more if "output" in usage else -1)
    assert facts.cached_tokens == usage.get("cached", -1)
    assert facts.written_tokens == usage.get("written", -1)
    assert facts.thinking_tokens == usage.get("thinking", -1)
    assert (facts.dialect, facts.model, facts.stop_reason) == (sample.dialect, sample.model, sample.stop)
    assert (facts.final, facts.complete, facts.error) == (True, True, "")
    streamed = facts.first_ns >= 0
    assert streamed == ("whole" not in name)
    assert [each.final for each in early] == [False] * streamed


def test_times_and_stalls_are_those_of_the_text() -> None:
    answer = Following(MESSAGES, b"text/event-stream", head_ns=0)
    at = 0
    texts = []
    for number, gap in enumerate((300, 40, 2500, 10, 3000)):
        at += gap * _MS
        delta = {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": str(number)},
        }
        start = {
            "type": "message_start",
            "message": {"model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}},
        }
        body = events(start, delta, named=True) if not number else events({"type": "ping"}, delta, named=True)
        texts += [each for each in answer.feed(body, at) if each is not None]
    (first,) = texts
    assert (first.first_ns, first.final, first.input_tokens, first.output_tokens) == (300 * _MS, False, 3, -1)
    last = answer.finish()
    assert last is not None
    assert (last.text_ns, last.longest_gap_ns, last.stalls) == (5550 * _MS, 3000 * _MS, 2)
    call = Call.of(last, 100 * _MS)
    assert (call.first_token_ns, call.ending, call.rate, call.cost) == (400 * _MS, "cut off", -1.0, -1)


def test_an_error_within_the_stream_is_told_and_has_no_cost() -> None:
    body = events(
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded\x1b[2J"}}, named=True
    )
    _, facts = told(MESSAGES, SSE, body)
    assert facts is not None
    assert (facts.error, facts.complete, facts.cost) == ("overloaded_error: Overloaded\\x1b[2J", False, -1)
    assert Call.of(facts, 0).ending == "error"


def test_a_gateway_is_known_by_what_it_streams_and_other_streams_are_left_alone() -> None:
    _, facts = told(b"/gateway", SSE, CHAT_STREAMED.body, pieces=30)
    assert facts is not None
    assert facts.model == "m-1"
    other = Following(b"/stock", b"text/event-stream", head_ns=0)
    assert list(other.feed(b': hello\n\ndata: {"price": 3}\n\n', 0)) == []
    assert other.over
    assert other.finish() is None


def test_what_is_longer_than_is_read_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MESSAGE", 200)
    long = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * 300}}
    _, facts = told(MESSAGES, SSE, events(long, named=True) + MESSAGES_STREAMED.body)
    assert facts is not None
    assert facts.output_tokens == 9
    whole = json.dumps({"object": "chat.completion", "choices": [], "model": "m", "pad": "x" * 300}).encode()
    assert told(CHAT, b"application/json", whole) == ([], None)


def test_of_the_text_nothing_is_kept() -> None:
    answer = Following(MESSAGES, b"text/event-stream", head_ns=0)
    list(answer.feed(MESSAGES_STREAMED.body, 0))
    assert answer._reader is not None
    assert [block.kept for block in answer._reader.conversation.blocks] == [0, 0, 0]
