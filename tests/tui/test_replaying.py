"""What replays and comparisons are made of, apart from their keys."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest
from rich.cells import cell_len

from soth_mitm.model import events as e
from soth_mitm.net.replay.replay import DONE, SENDING, Attempt
from soth_mitm.policy.composing import PasteError
from soth_mitm.policy.diff import DiffReport, Kind, Sample, compare
from soth_mitm.policy.retargeting import Site
from soth_mitm.record.rows import Row
from soth_mitm_tui import composing
from soth_mitm_tui.diffing.layout import Layout, as_text
from soth_mitm_tui.diffing.sources import two_flows
from soth_mitm_tui.plans import Plan
from soth_mitm_tui.runs import Entry, Run, Verdict
from soth_mitm_tui.screens.diff import DiffScreen
from soth_mitm_tui.screens.edit import EditScreen
from tests.tui.cases import toasts
from tests.tui.script import Script, head
from tests.tui.stage import stage

if TYPE_CHECKING:
    from soth_mitm.record.store import Store

SITE = Site("https", "api.shop.test", 443)


def report(left: str, right: str) -> DiffReport:
    """Compare two texts as bodies."""
    samples = [Sample(b"GET /", ((b"a", b"1"),), text.encode()) for text in (left, right)]
    return compare(*samples)


LONG = report("short\nsame\n" + "long " * 60, "shore\nsame\n" + "long " * 70 + "\nmore")
WIDE = report('{"名": "急須は届きましたか。' + "有田焼" * 30 + '"}', '{"名": "急須は届きました。", "x": 1}')
BYTES = report("\x00\x01" * 40, "\x00\x02" * 50)


@pytest.mark.parametrize("split", [True, False], ids=["beside", "below"])
@pytest.mark.parametrize("width", [30, 61, 120])
@pytest.mark.parametrize("made", [LONG, WIDE, BYTES, DiffReport()], ids=["long", "wide", "bytes", "none"])
def test_every_row_of_a_comparison_fits_and_nothing_is_left_out(
    made: DiffReport, width: int, split: bool
) -> None:
    layout = Layout(made, width, split=split, everything=True)
    for _ in layout.slices():
        pass
    for number, block in enumerate(layout.blocks):
        section, line = block.section, block.line
        if section is None or line is None or line.left is line.right is None:
            continue
        rows = [layout.row(layout.row_of(number) + at) for at in range(block.height)]
        assert all(0 < sum(cell_len(text) for text, _ in spans) <= width for spans in rows)
        for side, whole in (("left", line.left), ("right", line.right)):
            parts = [layout._side(section, line, side, at)[2:] for at in range(block.height)]
            told = "".join(text for spans in parts for text, _ in spans)
            assert told.endswith(whole or "")
            assert whole is None or line.label in told or section.form not in ("json", "bytes")


def test_a_comparison_is_laid_out_in_slices_and_differences_are_stops() -> None:
    made = report("\n".join(f"a{n}" for n in range(900)), "\n".join(f"b{n}" for n in range(900)))
    layout = Layout(made, 100, split=True)
    assert sum(1 for _ in layout.slices(budget_ns=0)) > 20
    lines = [layout.blocks[stop].line for stop in layout.stops]
    assert [line.left for line in lines if line is not None] == ["a0"]
    assert as_text(made, ("one", "other")).startswith("--- one\n+++ other\n@@ Line  the same @@\n  GET /\n")


def changed(script: Script) -> None:
    """Play a request that a person edited: another head, another body."""
    conn = script.connect("api.shop.test")
    opened = e.FlowOpened(e.FlowKind.HTTP, "https", "api.shop.test", 443, "127.0.0.1:51712")
    flow = script.new_flow(conn, opened)
    raw = head("POST /orders HTTP/1.1", (("host", "api.shop.test"), ("content-length", "8")))
    later = head("PUT /orders HTTP/1.1", (("host", "api.shop.test"), ("content-length", "9")))
    for body in (
        e.RequestHead(b"POST", b"/orders", "HTTP/1.1", raw, b"/orders"),
        e.OriginalChunk(e.Direction.REQUEST, 0, 8, b'{"n": 1}'),
        e.MessageChanged(e.Direction.REQUEST, "person", "a body of 9 bytes", later),
        e.BodyChunk(e.Direction.REQUEST, 0, 9, b'{"n": 10}'),
        e.RequestEnd(9, len(later) + 9),
    ):
        script.publish(body, conn=conn, flow=flow)
    script.respond(conn, flow, 200, "OK")


async def test_a_flow_that_was_changed_is_compared_with_what_came() -> None:
    async with stage(changed) as staged:
        assert staged.main.list.selected == 1
        await staged.press("D")
        await staged.until(lambda: "#1 as it came" in staged.shown() and "~ $.n  10" in staged.shown())
        assert "~ POST /orders" in staged.shown()
        assert "~ PUT /orders" in staged.shown()
        screen = staged.screen
        assert isinstance(screen, DiffScreen)
        assert screen.noise, "nothing is ignored where a person wants to see what was changed"


async def test_large_bodies_are_compared_in_a_process_and_again_when_they_have_grown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def scene(script: Script) -> None:
        for number in range(2):
            body = b"%d" % number + b"x" * 20_000
            script.exchange("api.shop.test", "GET", "/", 200, "OK", body=body, content_type="text/plain")
        script.event_stream(events=1)

    async with stage(scene) as staged:
        calls: list[object] = []

        async def run(call: Callable[[], Any]) -> object:
            calls.append(call)
            return call()

        monkeypatch.setattr(staged.app.worker, "run", run)
        await staged.press("g", "D", "j", "D")
        await staged.until(lambda: "1 differs" in staged.shown())
        assert len(calls) == 1
        await staged.press("escape", "G", "D", "k", "D")
        await staged.until(lambda: "there is one" in staged.shown() or "differ" in staged.shown())
        before = len(calls)
        script = staged.script
        script.chunks(script.conns - 1, 3, e.Direction.RESPONSE, b"data: 1\n\n" * 9, start=200)
        await staged.until(lambda: len(calls) > before)


def test_ten_thousand_times_are_summed_up_as_they_end() -> None:
    run = Run("r", [7], Plan(times=10_000))
    run.entries = [Entry(7, Attempt(number)) for number in range(1, 10_001)]
    for number, entry in enumerate(run.entries[:5000]):
        attempt = entry.attempt
        assert isinstance(attempt, Attempt)
        attempt.state, attempt.status, attempt.duration_ns = DONE, 200, (number + 1) * 1000
        entry.verdict, entry.judged = Verdict(number % 2), True
    assert isinstance(run.entries[5000].attempt, Attempt)
    run.entries[5000].attempt.state = SENDING
    facts = run.summary()
    assert (facts.total, facts.done, facts.sending) == (10_000, 5000, 1)
    assert (facts.same, facts.different, facts.statuses) == (2500, 2500, ((200, 5000),))
    assert facts.times == (1000, 2_500_000, 4_500_000, 4_950_000, 5_000_000)
    assert len(list(run.live())) < 100, "what has ended, and what waits far behind, is not looked at again"
    assert run.summary() == facts


def test_a_request_is_read_from_a_command_an_address_or_nothing() -> None:
    empty = composing.read(" \n", SITE).draft
    assert (empty.method, empty.host, empty.fields[0]) == (
        b"GET",
        "api.shop.test",
        (b"Host", b"api.shop.test"),
    )
    typed = composing.read("patch http://127.0.0.1:3000/a?b='c", SITE).draft
    assert (typed.method, typed.port, typed.target) == (b"PATCH", 3000, b"/a?b='c")
    text = "$ curl https://a.test \\\n  -d @notes.txt -v"
    assert composing.is_command(text)
    with pytest.raises(PasteError) as caught:
        composing.read(text, SITE)
    line, pointer = composing.place(text, caught.value.position)
    assert line[pointer.index("▲") :].startswith(("-d", "@notes"))
    for wrong in ("make me a sandwich", "get ftp://x/"):
        with pytest.raises(PasteError):
            composing.read(wrong, SITE)


async def test_a_request_that_cannot_be_sent_again_says_why() -> None:
    async with stage(lambda script: (script.tls_refused(), script.tunnel())) as staged:
        for keys, said in (
            (("g", "r"), "failed before"),
            (("G", "R"), "passed through without being decrypted"),
        ):
            await staged.press(*keys)
            assert said in toasts(staged)
        assert staged.screen is staged.main


def test_a_comparison_says_what_has_come_of_a_flow_by_now() -> None:
    rows = tuple(Row(flow, 1, "http", 1, 1, "127.0.0.1:5000", "https", "a.test", 443) for flow in (1, 2))
    for row in rows:
        row.method, row.path, row.status, row.state = "GET", "/notes", 200, "response"
    by_flow = {row.flow: row for row in rows}
    comparison = two_flows(cast("Store", None), (rows[0], rows[1]), roles=("", "replay"), row_of=by_flow.get)
    before = comparison.names()[1].text
    later = copy.copy(by_flow.pop(2))
    later.state, later.duration_ns = "closed", 2_000_000_000
    assert comparison.names()[1].text == before, "a row that is gone keeps what it was called"
    by_flow[2] = later
    assert comparison.names()[1].text == "#2 replay  200 2.0s  GET a.test/notes"


@pytest.mark.parametrize(("width", "heights"), [(120, {1, 2}), (180, {1})], ids=["below", "beside"])
def test_bytes_stand_beside_each_other_only_where_their_lines_fit(width: int, heights: set[int]) -> None:
    layout = Layout(BYTES, width, split=True, everything=True)
    for _ in layout.slices():
        pass
    blocks = [block for block in layout.blocks if block.section and block.section.form == "bytes"]
    lines = [(at, block) for at, block in enumerate(layout.blocks) if block in blocks and block.line]
    assert {block.height for _, block in lines} == heights
    at, changed = next(each for each in lines if each[1].line and each[1].line.kind is Kind.CHANGED)
    rows = [layout.row(layout.row_of(at) + row) for row in range(changed.height)]
    signs = [text.strip() for spans in rows for text, _ in spans if text in ("- ", "+ ", "~ ")]
    assert signs == (["-", "+"] if width == 120 else ["~", "~"])


async def test_the_bytes_of_a_binary_body_are_edited_and_sent_as_a_replay() -> None:
    data = bytes(range(256)) * 2

    def uploaded(script: Script) -> None:
        conn = script.connect("api.shop.test")
        kind = (("Content-Type", "application/octet-stream"),)
        flow = script.request(conn, "api.shop.test", "POST", "/upload", body=data, fields=kind)
        script.respond(conn, flow, 201, "Created")

    async with stage(uploaded) as staged:
        await staged.press("g", "R")
        await staged.until(lambda: isinstance(staged.screen, EditScreen))
        assert "512 bytes, no text" in staged.shown()
        assert "f6 Hex edits its bytes" in staged.shown()
        await staged.keys("f6", "f", "f", "tab")
        await staged.keys("f6", "f6")
        await staged.until(lambda: "[Changes]" in staged.shown())
        await staged.until(lambda: "1 differs" in staged.shown())
        await staged.keys("ctrl+s")
        await staged.until(lambda: staged.control.replays)
        draft = staged.control.replays[0].resend.draft
        assert (draft.body, draft.target) == (b"\xff" + data[1:], b"/upload")
        assert staged.control.replays[0].of == 1
