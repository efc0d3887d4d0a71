"""What users of mitmproxy complain about in intercepting, editing and replaying, and the tests of ours.

Each flaw names tests, `file::function`, and pictures that are compared; all of them have to be there.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAUSING = "tests/net/test_breakpoints_messages.py"
STREAMS = "tests/net/http2/test_breakpoints_messages.py"
EDITOR = "tests/tui/test_editor.py"
PICTURES = "snapshots/__snapshots__/test_debugging"

FLAWS = {
    "the proxy stops while an editor is open": (
        "tests/e2e/test_debugger.py::"
        "test_a_paused_request_is_edited_in_ones_own_editor_while_the_proxy_goes_on",
        "tests/net/test_breakpoints.py::test_an_open_editor_suspends_the_deadline",
    ),
    "messages of WebSockets cannot be edited": (
        f"{PAUSING}::test_one_message_of_many_is_stopped_while_pings_and_the_other_way_go_on",
        f"{PAUSING}::test_a_compressed_message_is_edited_and_those_after_it_can_be_read",
        f"{STREAMS}::test_one_message_of_a_websocket_is_edited_while_pings_go_on",
        f"{EDITOR}::a_message_of_a_websocket_has_its_text_and_its_bytes",
    ),
    "a breakpoint for messages sticks to their socket, in both directions": (
        f"{PAUSING}::test_a_message_is_judged_by_itself_and_in_its_own_direction",
    ),
    "one held message stops both directions and pings": (
        f"{PAUSING}::test_one_message_of_many_is_stopped_while_pings_and_the_other_way_go_on",
        f"{STREAMS}::test_one_message_of_a_call_is_edited_and_its_trailers_stay",
        "tests/net/http2/test_breakpoints.py::test_pings_are_answered_while_streams_are_paused",
    ),
    "killing a flow says so, and the client waits on": (
        "tests/net/test_kill.py::test_a_killed_flow_is_over_on_both_sides_within_100_ms",
    ),
    "a breakpoint is one filter, with neither stages, hits, a list nor a deadline": (
        "tests/policy/breakpoints/test_parse.py::test_stages_stand_before_the_expression_or_follow_from_it",
        "tests/policy/breakpoints/test_chosen.py::test_hits_are_counted_and_one_time_is_one_time",
        "tests/net/test_breakpoints.py::test_after_the_deadline_the_original_goes_on",
        f"{PICTURES}/test_the_breakpoints[some-80x24].svg",
        f"{PICTURES}/test_the_breakpoints[some-120x40].svg",
        f"{PICTURES}/test_what_is_paused_is_pinned_above_the_list[80x24].svg",
    ),
    "editing leaves the app, piece by piece, and shows no raw message": (
        f"{EDITOR}::an_edit_in_one_tab_is_seen_in_the_others_and_goes_as_one",
        f"{EDITOR}::a_header_with_a_line_break_is_refused_in_its_place_and_stays_typed",
        f"{EDITOR}::json_is_judged_while_it_is_typed_with_the_place_of_the_fault",
    ),
    "a replay overwrites what was captured, and nothing compares them": (
        "tests/net/replay/test_replay.py::"
        "test_a_request_is_sent_again_byte_for_byte_as_a_row_linked_to_its_original",
        "tests/net/replay/test_replay.py::test_original_and_replay_are_compared_message_by_message",
        "snapshots/__snapshots__/test_replaying/test_a_replay_compared_with_its_original[80x24].svg",
    ),
    "nothing shows what was changed": (
        "tests/net/test_breakpoints.py::test_an_edited_request_arrives_exactly_as_it_was_edited",
        "tests/policy/diff/test_comparing.py::"
        "test_what_a_person_has_changed_in_a_draft_is_compared_before_it_is_sent",
    ),
}


@cache
def functions_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


@pytest.mark.parametrize("flaw", FLAWS)
def test_ours_is_done_right(flaw: str) -> None:
    assert FLAWS[flaw]
    for named in FLAWS[flaw]:
        path, colons, function = named.partition("::")
        assert (ROOT / path).is_file(), f"{path} is not there"
        assert not colons or function in functions_of(ROOT / path), f"{path} has no {function}"
