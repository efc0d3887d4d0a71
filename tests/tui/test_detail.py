"""The detail: bodies that grow, what is absent and why, and views of large ones."""

from __future__ import annotations

import gzip
import json

import msgspec
import pytest

from soth_mitm.model import events as e
from soth_mitm.record.view import FlowView
from soth_mitm_tui.lines import line
from soth_mitm_tui.overview import verdict
from soth_mitm_tui.timing import bar
from soth_mitm_tui.tint import json_tint, stream_tint
from soth_mitm_tui.viewers.wrap import break_points, cut_spans
from tests.policy.filters.rows import row
from tests.tui.script import Script
from tests.tui.stage import CONFIG, Stage, stage


def response(status: int, reason: str, method: str = "GET") -> object:
    """Return a scene of one exchange without a body."""
    return lambda script: script.exchange("a.test", method, "/", status, reason)


async def at_response(staged: Stage) -> None:
    """Go to the response tab."""
    await staged.press("G", "enter", "3")


async def test_a_streaming_body_grows_and_the_end_stays_in_sight() -> None:
    scenes: list[tuple[int, int]] = []
    async with stage(lambda script: scenes.append(script.event_stream(events=40))) as staged:
        await at_response(staged)
        await staged.press("G")
        conn, flow = scenes[0]
        offset = staged.store.index.row(0).response_bytes
        offset = staged.script.stream_event(conn, flow, offset, {"text": "freshly come"})
        await staged.settle()
        await staged.until(lambda: "freshly come" in staged.shown(staged.main.detail))
        await staged.press("g")
        staged.script.stream_event(conn, flow, offset, {"text": "and one more"})
        await staged.settle()
        await staged.until(lambda: any("and one more" in str(each) for each in staged.main.detail.text.lines))
        assert staged.main.detail.text.top == 0


def five_hundred_lines(script: Script) -> None:
    body = "\n".join(f"line {number}" for number in range(500)).encode()
    conn = script.connect("a.test")
    script.respond(conn, script.request(conn, "a.test", "GET", "/"), 200, "OK", body=body)


async def test_keys_pressed_while_a_tab_is_being_read_are_for_that_tab() -> None:
    async with stage(five_hundred_lines) as staged:
        await staged.press("G", "enter", "2")
        await staged.pilot.press("3", "G", "j")
        await staged.settle()
        await staged.until(lambda: staged.main.detail.current_value() == ("Line", "line 499"))
        await staged.pilot.press("2", "3", "G", "left_curly_bracket")
        await staged.settle()
        line = staged.main.detail.current_line
        assert line is not None
        assert line.text.strip().startswith("Body")


@pytest.mark.parametrize(
    ("status", "reason", "method", "words"),
    [
        (204, "No Content", "GET", "a 204 has none"),
        (304, "Not Modified", "GET", "a 304 has none"),
        (200, "OK", "HEAD", "an answer to HEAD has none"),
        (200, "OK", "GET", "no body"),
    ],
)
async def test_an_absent_body_says_why(status: int, reason: str, method: str, words: str) -> None:
    async with stage(lambda script: script.exchange("a.test", method, "/", status, reason)) as staged:
        await at_response(staged)
        assert words in staged.shown(staged.main.detail)


async def test_a_result_of_mcp_names_the_call_in_a_request_that_is_coded() -> None:
    asked = {"name": "weather", "arguments": {}}
    called = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": asked}
    result = {"jsonrpc": "2.0", "id": 3, "result": {"content": [{"type": "text", "text": "sunny"}]}}

    def scene(script: Script) -> None:
        conn, body = script.connect("a.test"), gzip.compress(json.dumps(called).encode())
        fields = (("content-type", "application/json"), ("content-encoding", "gzip"))
        flow = script.request(conn, "a.test", "POST", "/mcp", body=body, fields=fields)
        said = json.dumps(result).encode()
        script.respond(conn, flow, 200, "OK", body=said, content_type="application/json")

    async with stage(scene) as staged:
        await at_response(staged)
        await staged.until(lambda: "sunny" in staged.shown(staged.main.detail))
        assert "● result · tools/call · weather · id 3" in staged.shown(staged.main.detail)


async def test_a_result_of_the_older_mcp_names_the_call_in_a_later_flow() -> None:
    called = {"jsonrpc": "2.0", "id": 3, "method": "resources/read", "params": {"uri": "file:///a"}}
    result = {"jsonrpc": "2.0", "id": 3, "result": {"contents": [{"uri": "file:///a", "text": "sunny"}]}}
    flows: list[tuple[int, int]] = []

    def event(label: str, said: str) -> bytes:
        return f"event: {label}\ndata: {said}\n\n".encode()

    def scene(script: Script) -> None:
        conn = script.connect("a.test")
        flow = script.request(conn, "a.test", "GET", "/sse")
        script.respond(conn, flow, 200, "OK", content_type="text/event-stream", close=False)
        flows.append((conn, flow))
        script.chunks(conn, flow, e.Direction.RESPONSE, event("endpoint", "/messages?session_id=7"))

    async with stage(scene) as staged:
        script, (conn, flow) = staged.script, flows[0]
        await at_response(staged)
        await staged.until(lambda: "session_id=7" in staged.shown(staged.main.detail))
        other, fields = script.connect("a.test"), (("content-type", "application/json"),)
        path = "/messages?session_id=7"
        sent = script.request(other, "a.test", "POST", path, body=json.dumps(called).encode(), fields=fields)
        script.respond(other, sent, 202, "Accepted")
        start = len(event("endpoint", "/messages?session_id=7"))
        script.chunks(conn, flow, e.Direction.RESPONSE, event("message", json.dumps(result)), start=start)
        await staged.until(lambda: "sunny" in staged.shown(staged.main.detail))
        assert "● result · resources/read · file:///a · id 3" in staged.shown(staged.main.detail)


async def test_a_body_that_was_not_recorded_says_how_much() -> None:
    def scene(script: Script) -> None:
        conn = script.connect("a.test")
        flow = script.request(conn, "a.test", "GET", "/")
        script.respond(conn, flow, 200, "OK", content_type="text/plain", close=False)
        script.publish(e.BodyChunk(e.Direction.RESPONSE, 0, 60_000), conn=conn, flow=flow)

    async with stage(scene) as staged:
        await at_response(staged)
        assert "60k bytes passed and were not recorded" in staged.shown(staged.main.detail)


async def test_a_tunnel_says_that_it_was_not_decrypted() -> None:
    async with stage(lambda script: script.tunnel()) as staged:
        await at_response(staged)
        assert "without being decrypted" in staged.shown(staged.main.detail)
        await staged.press("1")
        assert "the rule --tunnel *.os.test matches" in staged.shown(staged.main.detail)


async def test_a_flow_that_waits_says_so() -> None:
    def scene(script: Script) -> None:
        script.request(script.connect("a.test"), "a.test", "GET", "/")

    async with stage(scene) as staged:
        await at_response(staged)
        assert "No response yet." in staged.shown(staged.main.detail)


async def test_a_large_body_of_one_line_can_be_walked_to_its_end() -> None:
    body = b"[" + b"7," * 2_500_000 + b"8]"

    def scene(script: Script) -> None:
        script.exchange("a.test", "GET", "/", 200, "OK", body=body, content_type="text/plain")

    async with stage(scene) as staged:
        await at_response(staged)
        assert "7,7,7,7" in staged.shown(staged.main.detail)
        await staged.press("G")
        assert staged.main.detail.text.at_end
        assert ",8]" in staged.shown(staged.main.detail)


async def test_narrow_shows_one_pane_and_wide_two() -> None:
    async with stage(size=(80, 24)) as staged:
        flows, detail = staged.main.list, staged.main.detail
        assert (flows.region.area > 0, detail.region.area > 0) == (True, False)
        await staged.press("enter")
        assert (flows.region.area > 0, detail.region.area > 0) == (False, True)
        await staged.press("escape")
        assert (flows.region.area > 0, detail.region.area > 0) == (True, False)
        await staged.pilot.resize_terminal(170, 40)
        await staged.until(lambda: staged.main.detail.region.area)
        assert staged.main.detail.region.x > 60


async def test_a_body_over_the_limit_says_so_at_both_ends() -> None:
    def scene(script: Script) -> None:
        body = b"".join(b"line %d\n" % number for number in range(30_000))
        script.exchange("a.test", "GET", "/", 200, "OK", body=body, content_type="text/plain")

    limits = msgspec.structs.replace(CONFIG.limits, document_bytes=100_000)
    async with stage(scene, config=msgspec.structs.replace(CONFIG, limits=limits)) as staged:
        await at_response(staged)
        assert "only the first 100k bytes are shown" in staged.shown()
        last = list(staged.main.detail.text.lines)[-1]
        assert last is not None
        assert last.text == "  ▲ it goes on; the rest is not shown"


async def test_a_flow_that_failed_says_what_to_do_in_every_tab() -> None:
    async with stage(lambda script: script.tls_refused(), size=(80, 24)) as staged:
        await staged.press("enter", "3")
        assert "There was no response: CA not trusted." in staged.shown()
        assert "→ Give the client the CA" in staged.shown()


async def test_the_detail_is_read_for_the_width_it_has_when_it_comes_into_sight() -> None:
    async with stage(size=(80, 24)) as staged:
        await staged.press("k")
        assert staged.main.detail.showing == 0
        await staged.press("enter")
        assert staged.main.detail.showing == staged.main.list.selected
        head = staged.shown(staged.main.detail).splitlines()[3]
        assert "https://" not in head  # the title says it already


async def test_a_click_on_a_tab_shows_it() -> None:
    async with stage() as staged:
        await staged.pilot.click("#detail-tabs", offset=(14, 0))
        await staged.settle()
        assert staged.main.detail.tab == 1


def test_rows_break_by_cells_and_hang() -> None:
    assert break_points("abcdefghij", 4, 2) == [0, 4, 6, 8]
    assert break_points("漢字漢字", 5, 0) == [0, 2]
    assert break_points("one two three", 8, 0, words=True) == [0, 8]


def test_spans_are_cut_by_characters() -> None:
    spans = line("abc", ("def", "bad")).spans
    assert cut_spans(spans, 2, 5) == [("c", "text"), ("de", "bad")]


def test_tints_lose_no_character() -> None:
    for text in (
        '  "key": "va\\"lue", -1.5e3, true, null]',
        '"open',
        "plain",
        'data: {"a": 1}',
        "event: x",
        ": note",
    ):
        assert "".join(part for part, _ in json_tint(text)) == text
        assert "".join(part for part, _ in stream_tint(text)) == text


def test_bars_stay_within_their_width() -> None:
    for start in (0.0, 0.5, 0.999, 1.0):
        for length in (0.0, 0.001, 0.5, 1.0):
            drawn = bar(start, length, 20)
            assert len(drawn) == 20
            assert drawn.strip()


def test_where_it_was_answered_is_said_once() -> None:
    said = "".join(text for text, _ in verdict(FlowView(flow=1), row(generated=True, reason="responded")))
    assert said == "200 · answered here, not by the upstream"
    cut = "".join(text for text, _ in verdict(FlowView(flow=1), row(generated=True, reason="limit_reached")))
    assert cut.startswith("200 · answered here, not by the upstream · ")
