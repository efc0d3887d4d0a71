"""Calls to language models are followed beside bytes that pass untouched, in both HTTP versions."""

from __future__ import annotations

import gzip

import pytest

from soth_mitm.decode.llm.recognise import _SIGNS
from soth_mitm.model.events import FlowClosed, LlmFacts, ResponseEnd
from soth_mitm.net import slices
from soth_mitm.net.calls import may_be_call
from soth_mitm.record.rows import RowFold
from tests.decode.llm.dialects import ANSWERS, MESSAGES_STREAMED, MESSAGES_WHOLE, Sample
from tests.helpers.h2peer import h2_link, post
from tests.helpers.net import Lab, Link

_STREAMED = [name for name in ANSWERS if "whole" not in name]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def asked(lab: Lab, sample: Sample, *, coding: bytes = b"") -> Link:
    """Have a call begin, over HTTP/1."""
    link = await lab.link("tls")
    await link.pass_request(link.get(sample.path))
    more = b"Content-Encoding: %b\r\n" % coding if coding else b""
    await link.pass_response(
        b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n%b\r\n"
        % (sample.content_type, more)
    )
    return link


@pytest.mark.parametrize("name", ["messages, streamed", "gemini, array", "ollama, chat"])
async def test_facts_are_told_at_the_first_text_and_at_the_end(lab: Lab, name: str) -> None:
    sample = ANSWERS[name]
    await lab.start()
    link = await asked(lab, sample)
    half = len(sample.body) * 2 // 3
    await link.pass_response(chunk(sample.body[:half]))
    (early,) = await lab.told(LlmFacts, 1)
    assert (early.final, early.model, early.cost) == (False, "m-1", -1)
    assert not lab.all(ResponseEnd)
    await link.pass_response(chunk(sample.body[half:]) + b"0\r\n\r\n")
    await lab.settled()
    _, last = lab.all(LlmFacts)
    assert (last.final, last.complete, last.stop_reason) == (True, True, sample.stop)
    assert last.output_tokens >= sample.usage["output"]


async def test_a_coded_answer_in_one_piece_is_told_at_its_end(lab: Lab) -> None:
    sample = MESSAGES_WHOLE
    await lab.start()
    link = await asked(lab, sample, coding=b"gzip")
    await link.pass_response(chunk(gzip.compress(sample.body)) + b"0\r\n\r\n")
    await lab.settled()
    (facts,) = lab.all(LlmFacts)
    assert (facts.final, facts.first_ns, facts.input_tokens, facts.cached_tokens) == (True, -1, 27, 16)


async def test_an_answer_that_breaks_off_is_told_before_the_flow_ends(lab: Lab) -> None:
    await lab.start()
    link = await asked(lab, MESSAGES_STREAMED)
    await link.pass_response(chunk(MESSAGES_STREAMED.body[: len(MESSAGES_STREAMED.body) // 2]))
    await lab.told(LlmFacts, 1)
    link.client.close()
    await lab.told(FlowClosed, 1)
    last = lab.all(LlmFacts)[-1]
    assert (last.final, last.complete, last.cost) == (True, False, -1)


async def test_over_http2_the_same_is_told(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    stream, server, number = await link.request(post(b"/v1/messages"), end=True)
    server.head_out(number, [(b":status", b"200"), (b"content-type", MESSAGES_STREAMED.content_type)])
    server.data(number, MESSAGES_STREAMED.body, end=True)
    await link.client.message(stream)
    await lab.settled()
    assert [each.final for each in lab.all(LlmFacts)] == [False, True]
    assert lab.all(LlmFacts)[-1].output_tokens == 9


async def test_where_there_is_no_time_the_facts_wait_their_turn(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "AT_ONCE", 0.0)
    await lab.start()
    link = await asked(lab, MESSAGES_STREAMED)
    await link.pass_response(chunk(MESSAGES_STREAMED.body) + b"0\r\n\r\n")
    await lab.settled()
    fold = RowFold()
    rows = [row for event in lab.events if (row := fold.apply(event)) is not None]
    assert rows[-1].llm is not None
    assert (rows[-1].state, rows[-1].llm.output, rows[-1].llm.stop) == ("closed", 9, "tool_use")


async def test_other_answers_are_not_looked_at(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("tls")
    await link.pass_request(link.get(b"/orders"))
    await link.pass_response(
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"model": ""}'
    )
    await lab.settled()
    assert not lab.all(LlmFacts)


def test_every_path_of_a_dialect_is_one_that_is_looked_at() -> None:
    paths = [sample.path.partition(b"?")[0] for sample in ANSWERS.values()]
    for sign in _SIGNS:
        ends = [path for path in paths if sign.path.search(path)]
        assert ends, sign.dialect
        assert all(may_be_call(path + b"/?a=/b") for path in ends), sign.dialect
    assert not may_be_call(b"/v1/orders?at=/messages")
    assert not may_be_call(b"/")
