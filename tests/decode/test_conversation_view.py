"""Conversations as lines: a heading for each block, text as it arrives, tools laid out, numbers below."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.cli.demo import dialects, sessions
from soth_mitm.cli.demo.dialects import FIRST, SECOND, WAYS
from soth_mitm.decode import render
from soth_mitm.decode.about import About
from soth_mitm.decode.conversation_view import ConversationView
from soth_mitm.decode.llm.recognise import MESSAGES
from soth_mitm.decode.registry import Given
from soth_mitm.decode.sniff import LOOK
from tests.decode.feeding import cut_at, outcome
from tests.decode.llm.dialects import ANSWERS, CHAT_STREAMED, MESSAGES_STREAMED, REQUESTS, events

SHOWN = """\
# Anthropic Messages · m-1
● assistant · thinking
  ┆ Hm.
● assistant
  I look.
● assistant · tool use · weather · c1
  {
    "city": "Paris"
  }
# stopped: tool_use · 4 tokens in, 16 more from the cache, 7 more into the cache, 9 tokens out"""


def test_a_stream_is_shown_as_what_was_said_and_says_why() -> None:
    sample = MESSAGES_STREAMED
    shown = render(sample.body, about=sample.about)
    assert "\n".join(shown.lines) == SHOWN
    assert shown.kind == "conversation"
    assert shown.notes == ("Anthropic Messages, by its path and answer",)
    assert not shown.error


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_shown_with_all_its_turns(name: str) -> None:
    _, path, body, blocks = REQUESTS[name]
    data = json.dumps(body).encode()
    shown = render(data, about=About(b"application/json", path=path))
    assert shown.kind == "conversation"
    assert shown.lines[0].endswith("m-1 · 1 tool offered")
    assert sum(line.startswith("● ") for line in shown.lines) == len(blocks)
    assert "  Be brief." in shown.lines


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_every_dialect_is_chosen_to_be_shown_so(name: str) -> None:
    shown = render(ANSWERS[name].body, about=ANSWERS[name].about)
    assert (shown.kind, shown.error) == ("conversation", "")
    assert sum(line.startswith("● ") for line in shown.lines) == len(ANSWERS[name].blocks)


def test_lines_of_json_that_are_no_conversation_after_all_are_shown_as_lines() -> None:
    about = About(b"application/x-ndjson", path=b"/api/chat", response=True)
    body = b'{"model": "m", "response": ""}\n{"model": "m", "response": ""}\n'
    assert render(body, about=about).kind == "jsonl"
    assert render(b'{"a": 1}\n{"a": 2}\n', about=about).kind == "jsonl"


def test_text_is_there_as_soon_as_it_has_arrived() -> None:
    sample = CHAT_STREAMED
    view = ConversationView(Given(sample.about, sample.body[:LOOK]))
    seen = [view.feed(piece + b"\n\n").split("\n")[-1] for piece in sample.body.split(b"\n\n")[:5]]
    assert seen == ["", "", "  ┆ Hm.", "  I ", "look."]


def test_the_raw_events_are_a_choice_away() -> None:
    sample = MESSAGES_STREAMED
    shown = render(sample.body, about=sample.about, decoder="sse")
    assert shown.kind == "sse"
    assert shown.lines[0] == "● event 1 · message_start"


def test_answers_side_by_side_wait_for_each_other() -> None:
    chunks = [{"choices": [{"index": n % 2, "delta": {"content": word}}]} for n, word in enumerate("axby")]
    body = events(*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, "[DONE]")
    shown = render(body, about=CHAT_STREAMED.about)
    assert shown.lines[1:5] == ["● assistant", "  ab", "● assistant", "  xy"]


def test_what_comes_for_a_block_that_has_ended_is_shown_as_more_of_it() -> None:
    first, second = (
        {"content": "a"},
        {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{"}}]},
    )
    chunks = [{"choices": [{"delta": delta}]} for delta in (first, second, {"content": "b"})]
    shown = render(events(*chunks), about=CHAT_STREAMED.about)
    assert "● assistant · continued" in shown.lines
    assert "# it ends here, before its end was told" in shown.lines


def test_arguments_that_are_no_json_are_shown_as_they_are() -> None:
    for arguments, line in (("*** Begin", "  *** Begin"), ("[x y", "  x y"), ('{"a":1', '    "a": 1')):
        call = {"index": 0, "function": {"name": "f", "arguments": arguments}}
        shown = render(events({"choices": [{"delta": {"tool_calls": [call]}}]}), about=CHAT_STREAMED.about)
        assert line.strip() in "\n".join(shown.lines)


def test_what_is_no_conversation_after_all_is_shown_as_its_type_says() -> None:
    about = CHAT_STREAMED.about
    assert render(b": still waiting\n\ndata: hello\n\n", about=about).kind == "sse"
    json_type = about._replace(content_type=b"application/json")
    assert render(b'{"object": "list", "data": []}', about=json_type).kind == "json"
    request = About(b"application/json", path=about.path)
    assert render(b'{"model": 1, "messages": [', about=request, complete=False).kind == "json"


def test_a_message_of_the_stream_is_shown_as_its_own_json() -> None:
    about = CHAT_STREAMED.about._replace(form="sse", content_type=b"")
    assert render(b'{"object": "chat.completion.chunk", "choices": []}', about=about).kind == "json"


@pytest.mark.parametrize("name", ANSWERS)
@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 5000), max_size=4), stop=st.integers(0, 5000), ended=st.booleans())
def test_pieces_give_what_the_whole_gives(name: str, cuts: list[int], stop: int, ended: bool) -> None:
    sample = ANSWERS[name]
    data = sample.body[: len(sample.body) - stop % len(sample.body)]

    def make() -> ConversationView:
        return ConversationView(Given(sample.about, sample.body[:LOOK]))

    assert outcome(make, cut_at(data, cuts), ended=ended) == outcome(make, [data], ended=ended)


@settings(max_examples=50)
@given(data=st.binary(max_size=200), response=st.booleans(), ended=st.booleans())
def test_any_bytes_are_survived(data: bytes, response: bool, ended: bool) -> None:
    about = CHAT_STREAMED.about._replace(response=response)

    def make() -> ConversationView:
        return ConversationView(Given(about, b""))

    outcome(make, [data], ended=ended)


@pytest.mark.parametrize("name", WAYS)
def test_the_text_of_any_dialect_is_there_as_it_comes_and_the_numbers_at_the_end(name: str) -> None:
    way = WAYS[name]
    pieces = way.says(True)
    half = len(pieces) // 2
    about = About(way.kind.encode(), path=way.path.encode(), response=True)
    view = ConversationView(Given(about, b"".join(pieces)[:LOOK], ""))
    early = fed(view, b"".join(pieces[:half]))
    assert "Yes: twelve are in" in early
    assert "Friday?" not in early
    rest = fed(view, b"".join(pieces[half:]), final=True)
    assert "Friday?" in rest
    assert rest.rstrip().endswith(f"{SECOND.output} tokens out")


def test_the_numbers_of_each_answer_of_a_websocket_stand_below_it() -> None:
    (step,) = sessions.SESSIONS["turns"].steps
    about = About(MESSAGES, path=b"/v1/responses", response=True)
    view = ConversationView(Given(about, b'{"type":"response.create"', ""))
    for again, used in ((False, FIRST), (True, SECOND)):
        said = [step.says[again], *dialects.response_events(again)]
        last = fed(view, b"".join(json.dumps(each).encode() for each in said)).rstrip().splitlines()[-1]
        assert last.startswith(f"# answer {1 + again} \N{MIDDLE DOT} stopped: completed")
        assert last.endswith(f"{used.output} tokens out")
    last = fed(view, b"", final=True).strip()
    assert last == "# 2 answers \N{MIDDLE DOT} 910 tokens in, 408 of them from the cache, 94 tokens out"


def fed(view: ConversationView, data: bytes, *, final: bool = False) -> str:
    """Return what a view says to the next bytes."""
    said = [view.feed(data, final=final)]
    while view.busy:
        said.append(view.go_on())
    return "".join(said)
