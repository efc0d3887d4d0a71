"""Calls to language models in words, as every output says them."""

from __future__ import annotations

import pytest

from soth_mitm.export.calls import call_words, sum_words
from soth_mitm.export.template import Template, TemplatePrinter
from soth_mitm.model import events as e
from soth_mitm.model.llm import dollars
from soth_mitm.record.callsums import MODELS, OTHERS, CallSums
from soth_mitm.record.rows import RowFold
from tests.export.printing import objects_of, text_of
from tests.helpers import streams
from tests.helpers.streams import Stream
from tests.policy.filters.rows import call


@pytest.mark.parametrize(
    ("nano", "text"),
    [(-1, ""), (0, "$0"), (9_999, "<$0.00001"), (4_720_000, "$0.0047"), (16_940_000, "$0.0169"),
     (123_456, "$0.00012"), (1_234_500_000, "$1.234"), (12_345_600_000_000, "$12,345.60")],
)  # fmt: skip
def test_an_amount_has_the_places_that_say_something(nano: int, text: str) -> None:
    assert dollars(nano) == text


def test_a_call_is_said_in_a_line() -> None:
    assert " · ".join(call_words(call())) == (
        "claude-opus-5-5 · 18,204 in (17,920 cached) · 611 out · $0.0169 · first after 662ms · tool_use"
    )
    broken = call(
        complete=False, stop_reason="", output_tokens=-1, cost=-1, stalls=2, longest_gap_ns=5_000_000_000
    )
    assert call_words(broken, long=True)[2:] == ["first after 662ms", "2 stalls, the longest 5.0s", "cut off"]


def test_calls_are_added_up_by_model_and_in_all() -> None:
    sums = CallSums()
    for each in (call(), call(), call(model="m", cost=-1, complete=False, stalls=1)):
        sums.add(each)
    assert [sum_words(name, each) for name, each in sums.models.items()] == [
        "claude-opus-5-5: 2 calls, 36,408 tokens in (35,840 cached), 1,222 out, $0.0339",
        "m: 1 call, 18,204 tokens in (17,920 cached), 611 out, 1 stall",
    ]
    assert sum_words("all", sums.total).endswith("$0.0339 and 1 without a price, 1 stall")
    assert (sums.total.failed, sums.total.wait_ns, sums.priced) == (1, 662_000_000, "2026-11-29")
    assert sums.total.rate == pytest.approx(611 / 7.31)
    for number in range(MODELS + 5):
        sums.add(call(model=str(number)))
    assert len(sums.models) == MODELS + 1
    assert sums.models[OTHERS].calls == 7


def called(stream: Stream) -> None:
    """A call passes."""
    pair = streams.connect(stream)
    flow = streams.request(pair)
    streams.response(pair, flow, content_type=b"text/event-stream")
    for final in (False, True):
        facts = e.LlmFacts(
            "Anthropic Messages", "claude-opus-5-5\x1b[2J", final, final, 30, 20 if final else -1, 10, 0, -1,
            400_000_000, 2_000_000_000, 900_000_000, 0, "end_turn" if final else "", "",
            5_000 if final else -1,
            "2026-11-29" if final else "",
        )  # fmt: skip
        stream.add(facts, conn=pair.conn, flow=flow)
    streams.close(pair, flow)


def test_every_output_has_the_numbers_of_a_call() -> None:
    stream = Stream()
    called(stream)
    name = "claude-opus-5-5\\x1b[2J"
    assert f"{name} · 30 in (10 cached) · 20 out · <$0.00001 · first after" in text_of(stream)
    assert "10 tok/s" in text_of(stream, detail=1)
    (found,) = objects_of(stream)
    ttft = found["llm"].pop("ttft_ms")
    assert 400 < ttft < 1000
    assert found["llm"] == {
        "dialect": "Anthropic Messages", "model": name, "complete": True, "input_tokens": 30,
        "output_tokens": 20,
        "cached_tokens": 10, "written_tokens": 0, "thinking_tokens": None, "cost_usd": 5e-06,
        "priced": "2026-11-29", "tokens_per_second": 10.0, "longest_gap_ms": 900.0, "stalls": 0,
        "stop": "end_turn", "error": "",
    }  # fmt: skip
    out: list[str] = []
    template = Template(
        "{model} {tokens_in} {tokens_out} {tokens_cached} {cost} {tokens_per_second} {stalls} {stop}"
    )
    printer = TemplatePrinter(out.append, template=template, fold=RowFold())
    for event in stream.events:
        printer(event)
    assert out == [f"{name} 30 20 10 <$0.00001 10.0 0 end_turn\n"]
