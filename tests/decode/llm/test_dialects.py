"""Conversations in every dialect: the blocks, the numbers, the end, however the bytes are cut."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.decode.llm import Conversation, Dialect, Reader, recognise
from soth_mitm.decode.llm import conversation as limits
from soth_mitm.decode.llm.framing import Objects
from soth_mitm.decode.llm.recognise import MESSAGES
from soth_mitm.proto.aws_events import AwsSplitter
from soth_mitm.proto.splitting import Found
from soth_mitm.proto.sse import SseSplitter
from tests.decode.llm.dialects import (
    ANSWERS,
    CHAT_STREAMED,
    MESSAGES_STREAMED,
    REQUESTS,
    Said,
    Sample,
)


def said(talk: Conversation) -> list[Said]:
    """Return what was said."""
    return [(each.role, each.kind, each.text, each.name, each.call) for each in talk.blocks]


def messages(sample: Sample) -> list[tuple[str, bytes]]:
    """Return the messages of an answer."""
    if sample.about.media_type == b"application/vnd.amazon.eventstream":
        return [
            (each.label, each.data) for each in AwsSplitter().feed(sample.body) if isinstance(each, Found)
        ]
    if sample.about.media_type == b"text/event-stream":
        found = [each for each in SseSplitter().feed(sample.body) if isinstance(each, Found)]
        return [("" if each.label == "message" else each.label, each.data) for each in found]
    return [("", value) for value in Objects().feed(sample.body)]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_read_as_what_the_model_said(name: str) -> None:
    sample = ANSWERS[name]
    known = recognise(sample.path, sample.body, sample.about.media_type, response=True)
    assert known is not None
    assert known.dialect == sample.dialect
    assert known.reason == f"{sample.dialect}, by its path and answer"
    reader = Reader(sample.dialect, path=sample.path)
    changed = [change for label, data in messages(sample) for change in reader.feed(label, data)]
    talk = reader.conversation
    assert said(talk) == sample.blocks
    assert all(block.closed for block in talk.blocks)
    assert "".join(change.text for change in changed) == "".join(block.text for block in talk.blocks)
    assert (talk.model, talk.stop_reason, talk.error, talk.unknown) == (sample.model, sample.stop, "", {})


@pytest.mark.parametrize("name", ANSWERS)
def test_the_numbers_are_those_of_the_last_record_of_usage(name: str) -> None:
    sample = ANSWERS[name]
    reader = Reader(sample.dialect)
    for label, data in messages(sample):
        reader.feed(label, data)
    usage = reader.conversation.usage
    told = {key: getattr(usage, key) for key in ("input", "output", "cached", "written", "thinking")}
    assert {key: value for key, value in told.items() if value is not None} == sample.usage


def test_cached_and_thinking_tokens_are_inside_the_totals_or_beside_them() -> None:
    totals = {}
    for name in ("chat, whole", "messages, whole", "gemini, whole"):
        sample = ANSWERS[name]
        reader = Reader(sample.dialect)
        reader.feed("", sample.body)
        totals[name] = reader.conversation.usage.all_input, reader.conversation.usage.all_output
    assert totals == {"chat, whole": (20, 9), "messages, whole": (27, 9), "gemini, whole": (20, 13)}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_read_with_its_system_text_tools_and_results(name: str) -> None:
    dialect, path, body, blocks = REQUESTS[name]
    data = json.dumps(body).encode()
    known = recognise(path, data, b"application/json", response=False)
    assert known is not None
    assert known.dialect == dialect
    reader = Reader(dialect, path=path)
    reader.request(data)
    assert said(reader.conversation) == blocks
    assert (reader.conversation.model, reader.conversation.tools) == ("m-1", ["weather"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (b"/v1/chat/completions", b'{"hello": 1}'),
        (b"/api/chat", b'{"messages": []}'),
        (b"/shop/responses", b'{"items": []}'),
        (b"/anything", b'{"choices": [], "usage": {}}'),
        (b"/v1/messages", b"no JSON"),
    ],
)
def test_other_answers_are_not_taken_for_conversations(path: bytes, body: bytes) -> None:
    assert recognise(path, body, b"application/json", response=True) is None


def test_a_gateway_with_paths_of_its_own_is_known_by_the_answer() -> None:
    for sample in (CHAT_STREAMED, MESSAGES_STREAMED):
        known = recognise(b"/x", sample.body, b"text/event-stream", response=True)
        assert known is not None
        assert known == (sample.dialect, f"{sample.dialect}, by its answer")


def test_times_are_those_of_the_text() -> None:
    reader = Reader(Dialect.CHAT, sent_ns=100)
    for number, (label, data) in enumerate(messages(CHAT_STREAMED)):
        reader.feed(label, data, now_ns=1_000 + 100 * number * number)
    talk = reader.conversation
    assert talk.first_token_ns == 1_000
    assert (talk.first_ns, talk.last_ns, talk.end_ns) == (1_100, 5_900, 11_000)
    assert talk.longest_gap_ns == 1_600
    assert talk.tokens_per_second == pytest.approx(9e9 / 4_800)


def test_an_error_in_the_stream_is_told() -> None:
    reader = Reader(Dialect.MESSAGES)
    reader.feed("error", b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')
    assert reader.conversation.error == "overloaded_error: Overloaded"


def test_events_that_are_not_known_are_counted() -> None:
    reader = Reader(Dialect.RESPONSES)
    for number in range(100):
        reader.feed("", json.dumps({"type": f"response.new.{number}"}).encode())
    unknown = reader.conversation.unknown
    assert unknown["response.new.0"] == 1
    assert len(unknown) == limits.MOST_UNKNOWN + 1
    assert unknown["other"] == 100 - limits.MOST_UNKNOWN


def test_answers_side_by_side_are_told_apart() -> None:
    reader = Reader(Dialect.CHAT)
    for index, piece in ((0, "a"), (1, "x"), (0, "b"), (1, "y")):
        chunk = {"choices": [{"index": index, "delta": {"content": piece}}]}
        reader.feed("", json.dumps(chunk).encode())
    assert [block.text for block in reader.conversation.blocks] == ["ab", "xy"]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_TEXT", 10)
    monkeypatch.setattr(limits, "MOST_BLOCKS", 3)
    reader = Reader(Dialect.MESSAGES)
    content = [{"type": "text", "text": "x" * 8}] * 5
    reader.feed("", json.dumps({"type": "message", "content": content}).encode())
    talk = reader.conversation
    assert [(block.size, block.kept) for block in talk.blocks] == [(8, 8), (8, 2), (8, 0)]
    assert talk.dropped == 2


def test_a_surrogate_that_the_stream_has_cut_is_kept() -> None:
    reader = Reader(Dialect.CHAT)
    for half in ("\\ud83d", "\\ude00"):
        reader.feed("", b'{"choices":[{"delta":{"content":"%s"}}]}' % half.encode())
    assert reader.conversation.blocks[0].size == 2


_NAMES = (
    "type", "choices", "delta", "message", "content", "tool_calls", "function", "arguments", "index", "usage",
    "error", "response", "output", "item", "candidates", "parts", "text", "functionCall", "content_block",
    "model", "input", "messages", "system", "id", "done", "name",
)  # fmt: skip
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
    max_leaves=12,
)
_TYPES = st.sampled_from(
    ["", "message_start", "content_block_start", "content_block_delta", "message_delta", "response.completed",
     "response.output_item.done", "response.output_text.delta", "message"]
)  # fmt: skip


@given(dialect=st.sampled_from(Dialect), value=_ANY, kind=_TYPES)
def test_any_value_is_survived(dialect: Dialect, value: object, kind: str) -> None:
    reader = Reader(dialect)
    if isinstance(value, dict) and kind:
        value["type"] = kind
    data = json.dumps(value).encode()
    reader.request(data)
    reader.feed(kind, data)
    reader.finish()
    assert all(block.closed for block in reader.conversation.blocks)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b"[" * 200_000, b'{"a":' * 100_000, b"9" * 10_000, b"[DONE]"]
)
def test_broken_and_deep_messages_are_survived(data: bytes) -> None:
    for dialect in Dialect:
        reader = Reader(dialect)
        reader.request(data)
        reader.feed("", data)
        assert said(reader.conversation) == []


def test_many_small_blocks_take_little_time() -> None:
    calls = [{"index": n, "function": {"name": "f", "arguments": "{}"}} for n in range(limits.MOST_BLOCKS)]
    reader = Reader(Dialect.CHAT)
    reader.feed("", json.dumps({"choices": [{"delta": {"tool_calls": calls}}]}).encode())
    assert len(reader.conversation.blocks) == limits.MOST_BLOCKS
    assert sum(not block.closed for block in reader.conversation.blocks) == 1


@given(cuts=st.lists(st.integers(0, 400), max_size=5))
def test_objects_are_found_wherever_the_body_is_cut(cuts: list[int]) -> None:
    body = b'[{"a": "}\\"{"},\n {"b": [{"c": 1}]}, "x{", 5] {"d": {}}\n{"e"'
    edges = [0, *sorted(cut % len(body) for cut in cuts), len(body)]
    objects = Objects()
    found = [each for at, to in itertools.pairwise(edges) for each in objects.feed(body[at:to])]
    assert found == [b'{"a": "}\\"{"}', b'{"b": [{"c": 1}]}', b'{"d": {}}']
    assert objects.inside


def socket(*values: object) -> Conversation:
    """Return what both sides of a WebSocket say, read in their order."""
    body = b"".join(json.dumps(value).encode() for value in values)
    known = recognise(b"/v1/x", body, MESSAGES, response=True)
    assert known is not None
    reader = Reader(known.dialect)
    for value in Objects().feed(body):
        reader.feed("", value)
    return reader.conversation


CALLED = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Paris"}'}


def test_a_realtime_session_is_read_over_several_answers_whose_numbers_add_up() -> None:
    spoken = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_audio", "transcript": "Good day."}],
    }
    usage = {
        "input_tokens": 10, "output_tokens": 3, "total_tokens": 13,
        "input_token_details": {"cached_tokens": 4, "audio_tokens": 6},
    }  # fmt: skip
    talk = socket(
        {"type": "session.created", "session": {"model": "m-1", "instructions": "default"}},
        {
            "type": "session.update",
            "session": {"instructions": "Be brief.", "tools": [{"type": "function", "name": "weather"}]},
        },
        {"type": "session.updated", "session": {"model": "m-1", "instructions": "Be brief."}},
        {"type": "input_audio_buffer.append", "audio": "AAAA"},
        {"type": "conversation.item.added", "item": {"type": "message", "role": "user", "content": []}},
        {"type": "conversation.item.input_audio_transcription.delta", "item_id": "i", "delta": "Hel"},
        {"type": "conversation.item.input_audio_transcription.delta", "item_id": "i", "delta": "lo"},
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "i",
            "transcript": "Hello",
        },
        {"type": "response.create"},
        {"type": "response.created", "response": {"id": "r1", "status": "in_progress"}},
        {"type": "response.output_audio.delta", "output_index": 0, "delta": "AAAA"},
        {
            "type": "response.output_audio_transcript.delta",
            "output_index": 0,
            "content_index": 0,
            "delta": "Good ",
        },
        {
            "type": "response.output_audio_transcript.delta",
            "output_index": 0,
            "content_index": 0,
            "delta": "day.",
        },
        {"type": "response.output_audio_transcript.done", "output_index": 0, "transcript": "Good day."},
        {"type": "response.output_item.done", "output_index": 0, "item": spoken},
        {
            "type": "response.done",
            "response": {"id": "r1", "status": "completed", "output": [spoken], "usage": usage},
        },
        {"type": "rate_limits.updated", "rate_limits": []},
        {"type": "response.created", "response": {"id": "r2", "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**CALLED, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"city": "Paris"}'},
        {
            "type": "response.done",
            "response": {"id": "r2", "status": "completed", "output": [CALLED], "usage": usage},
        },
        {
            "type": "conversation.item.create",
            "item": {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        },
    )
    assert said(talk) == [
        ("system", "text", "Be brief.", "", ""), ("user", "text", "Hello", "", ""),
        ("assistant", "text", "Good day.", "", ""),
        ("assistant", "tool use", '{"city": "Paris"}', "weather", "c1"),
        ("tool", "tool result", "sunny", "", "c1"),
    ]  # fmt: skip
    assert (talk.usage.input, talk.usage.output, talk.usage.cached) == (20, 6, 8)
    assert (talk.model, talk.tools, talk.stop_reason, talk.unknown) == ("m-1", ["weather"], "completed", {})


def test_turns_of_responses_over_a_websocket_are_read_one_after_the_other() -> None:
    first = {"type": "response.create", "model": "m-1", "instructions": "Be brief.", "input": "Weather?"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}
    second = {"type": "response.create", "model": "m-1", "previous_response_id": "r1", "input": [output]}

    def answer(mark: str, *events: object) -> list[object]:
        done = {"id": mark, "object": "response", "status": "completed", "model": "m-1",
                "usage": {"input_tokens": 7, "output_tokens": 2}}  # fmt: skip
        begun = {
            "type": "response.created",
            "response": {"id": mark, "model": "m-1", "status": "in_progress"},
        }
        return [begun, *events, {"type": "response.completed", "response": done}]

    delta: dict[str, object] = {"type": "response.output_text.delta", "output_index": 0, "delta": "Sun."}
    called: dict[str, object] = {"type": "response.output_item.done", "output_index": 0, "item": CALLED}
    talk = socket(first, *answer("r1", called), second, *answer("r2", delta))
    assert said(talk) == [
        ("system", "text", "Be brief.", "", ""), ("user", "text", "Weather?", "", ""),
        ("assistant", "tool use", '{"city": "Paris"}', "weather", "c1"),
        ("tool", "tool result", "sunny", "", "c1"),
        ("assistant", "text", "Sun.", "", ""),
    ]  # fmt: skip
    assert (talk.dialect, talk.usage.input, talk.id) == (Dialect.TURNS, 14, "r2")
    assert all(block.closed for block in talk.blocks)


def test_other_websockets_are_not_taken_for_conversations() -> None:
    for beginning in (b'{"type": "join"}', b"hello", b""):
        assert recognise(b"/ws", beginning, MESSAGES, response=True) is None
