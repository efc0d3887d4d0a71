"""The sessions of the stage are what the dialects say, and are read to the end with the numbers they tell."""

from __future__ import annotations

import json

import pytest

from soth_mitm.cli.demo import content, dialects, sessions
from soth_mitm.cli.demo.dialects import FIRST, SECOND, WAYS
from soth_mitm.cli.demo.message import Answer, Request
from soth_mitm.decode import render
from soth_mitm.decode.about import About
from soth_mitm.decode.llm import Conversation, Kind, Reader, recognise
from soth_mitm.decode.llm.framing import Objects
from soth_mitm.decode.llm.recognise import MESSAGES
from soth_mitm.decode.llm.turns import answer_of, join_calls, turn_of
from soth_mitm.policy.diff.turns import first_break


def asked(step: sessions.Step) -> tuple[Request, Answer]:
    body = json.dumps(step.body, ensure_ascii=False).encode() if step.body is not None else b""
    request = Request(step.method, content.LLM, step.path, {}, body)
    return request, content.answer(request)


def answered(name: str, *, again: bool) -> tuple[Request, Conversation]:
    request, answer = asked(sessions.SESSIONS[name].steps[again])
    assert answer.status == 200
    assert len(answer.pieces) > 5
    kind = dict(answer.fields)["Content-Type"].encode()
    talk = answer_of(request.path.encode(), b"".join(answer.pieces), kind)
    assert talk is not None
    return request, talk


@pytest.mark.parametrize("name", WAYS)
def test_two_turns_are_read_with_the_numbers_of_the_last_record_of_usage(name: str) -> None:
    request, talk = answered(name, again=False)
    assert [block.kind for block in talk.blocks] == [Kind.THINKING, Kind.TOOL_USE]
    assert json.loads(talk.blocks[1].text) == json.loads(dialects.ARGUMENTS)
    later, rest = answered(name, again=True)
    assert [(block.kind, block.text.strip()) for block in rest.blocks] == [(Kind.TEXT, dialects.TEXT)]
    for each, used in ((talk, FIRST), (rest, SECOND)):
        assert (each.usage.all_input, each.usage.output) == (used.input, used.output)
        assert each.usage.cached in (used.cached, None)
        assert each.unknown == {}
        assert each.model == dialects.MODEL
        assert each.stop_reason
    turns = [turn_of(each.path.encode(), each.body) for each in (request, later)]
    assert turns[0] is not None
    assert turns[1] is not None
    assert first_break(turns[0], turns[1]) is None
    (joined,) = join_calls(talk, turns[1].blocks)
    assert json.loads(joined.result or "") == json.loads(dialects.RESULT)


def test_each_call_of_mcp_is_shown_with_its_result() -> None:
    heads: list[str] = []
    for step in sessions.SESSIONS["mcp"].steps:
        request, answer = asked(step)
        body = b"".join(answer.pieces) or answer.body
        if not body:
            continue
        kind = dict(answer.fields)["Content-Type"].encode()
        shown = render(body, about=About(kind, path=b"/mcp", response=True, asked=request.body))
        assert shown.kind == "mcp"
        heads += [line for line in shown.lines if line.startswith("● ") and "progress" not in line]
    assert heads == [
        "● result · initialize · id 0", "● result · tools/list · id 1",
        "● result · tools/call · stock · id 2", "● error -32602 · tools/call · price · id 3",
    ]  # fmt: skip


def test_the_older_era_begins_with_its_endpoint() -> None:
    _, answer = asked(sessions.SESSIONS["mcp, older"].steps[1])
    shown = render(b"".join(answer.pieces), about=About(dialects.SSE.encode(), path=b"/sse", response=True))
    assert list(shown.lines[:3]) == [
        "● endpoint", "  /messages?session_id=s-demo-8", "● result · as of initialize · id 0",
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "kinds"), [
    ("realtime", [Kind.TEXT, Kind.TEXT, Kind.TEXT]),
    ("turns", [Kind.TEXT, Kind.TEXT, Kind.THINKING, Kind.TOOL_USE, Kind.TOOL_RESULT, Kind.TEXT]),
])  # fmt: skip
def test_a_websocket_is_read_as_one_conversation(name: str, kinds: list[Kind]) -> None:
    (step,) = sessions.SESSIONS[name].steps
    _, answer = asked(step)
    said = [json.dumps(each).encode() for each in step.says]
    heard = list(answer.pieces)
    half = next((at + 1 for at, each in enumerate(heard) if b'"response.completed"' in each), 0)
    order = (
        [said[0], *heard[:half], said[1], *heard[half:]] if name == "turns" else [heard[0], *said, *heard[1:]]
    )
    known = recognise(step.path.encode(), order[0], MESSAGES, response=True)
    assert known is not None
    reader = Reader(known.dialect)
    for value in Objects().feed(b"".join(order)):
        reader.feed("", value)
    talk = reader.conversation
    assert [block.kind for block in talk.blocks] == kinds
    assert talk.blocks[-1].text.strip() == dialects.TEXT
    assert talk.unknown == {}
    assert talk.usage.input == (88 if name == "realtime" else FIRST.input + SECOND.input)
