"""What is wrong with other proxies, and the tests of ours.

First what users of mitmproxy complain about in intercepting, editing and replaying, then the defects of the
proxy of our name that came before. Each flaw names tests, `file::function`, and pictures that are compared;
all of them have to be there.
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


TLS = "tests/net/tls/test_known_defects.py"
LIMITS = "tests/net/test_limits.py"
H2 = "tests/net/http2"
DRIFT = "tests/docs/test_drift.py"

DEFECTS = {
    "1: streams of HTTP/2 have no events and no end of their own": (
        f"{H2}/test_handler.py::test_every_stream_is_a_flow_with_all_its_events_and_hooks",
        f"{H2}/test_messages.py::test_events_of_a_stream_are_told_one_by_one",
    ),
    "2: a refused stream has reached the upstream by then": (
        f"{H2}/test_handler.py::test_a_refused_request_never_reaches_the_upstream",
    ),
    "3: hooks are given compressed bytes as events": (
        f"{H2}/test_message_hooks.py::test_a_handler_sees_the_events_of_a_coded_stream_without_their_coding",
        "tests/net/test_messages.py::test_each_event_of_a_coded_stream_is_told_decoded_as_it_was_flushed",
    ),
    "4: a held chunked body goes on without its chunks": (
        "tests/hooks/test_handler.py::test_defect_04_a_held_chunked_body_keeps_its_framing",
    ),
    "5: the body budget is of a connection": (f"{LIMITS}::test_defect_05_body_budget_is_per_message",),
    "6: after a streamed response later requests fail": (
        "tests/hooks/test_handler.py::test_defect_06_a_hook_may_hold_a_body_after_a_streamed_response",
        "tests/net/test_messages.py::test_after_a_stream_the_connection_carries_the_next_exchange",
        f"{H2}/test_handler.py::test_a_streamed_response_leaves_the_next_requests_hooks_working",
    ),
    "7: an invalid upgrade loses bytes and is not observed": (
        "tests/hooks/test_handler.py::test_defect_07_a_refused_upgrade_stays_http_and_loses_no_byte",
        "tests/net/test_websocket.py::test_an_invalid_upgrade_passes_as_bytes_and_says_why",
    ),
    "8: handshakes have no deadline": (
        f"{LIMITS}::test_defect_08_a_client_that_trickles_its_hello_is_cut_in_time",
        f"{TLS}::test_a_client_that_dawdles_in_its_handshake_is_not_waited_for",
        f"{TLS}::test_an_upstream_that_dawdles_in_its_handshake_is_not_waited_for",
    ),
    "9: what is decompressed, a line and an early response have no bounds": (
        "tests/net/test_messages.py::test_a_line_without_end_and_a_bomb_are_bounded_and_pass",
        "tests/decode/test_undoing.py::test_a_bomb_is_stopped_before_it_fills_anything",
        "tests/decode/test_coding.py::test_a_bomb_costs_no_more_than_the_limit",
        f"{H2}/test_flow_control.py::"
        "test_a_client_that_takes_nothing_stops_its_upstream_and_none_of_its_neighbours",
        f"{H2}/test_ends.py::test_a_response_before_the_upload_has_ended_arrives_and_stops_the_upload",
    ),
    "10: limits belong to the process": (
        f"{LIMITS}::test_defect_10_limits_belong_to_one_proxy_and_not_to_the_process",
    ),
    "11: wrong lengths, a false fingerprint, an aborted scan, a plus in a size": (
        f"{LIMITS}::test_defect_11_every_answer_of_the_proxy_has_the_right_length",
        f"{TLS}::test_the_fingerprint_of_the_ca_is_one",
        "tests/net/process/test_linux.py::test_entries_of_proc_that_are_no_process_end_nothing",
        "tests/net/process/test_linux.py::test_a_process_that_may_not_be_looked_at_is_passed_over",
        "tests/proto/http1/test_guards.py::test_a_plus_sign_in_a_chunk_size_is_no_number",
    ),
    "12: an error of one listener ends all": (
        "tests/net/test_listeners.py::test_defect_12_an_accept_error_ends_no_listener_and_stops_no_other",
    ),
    "13: a malformed request inside TLS gets no answer": (
        f"{LIMITS}::test_defect_13_a_bad_request_inside_tls_gets_its_400",
    ),
    "14: the key of a rotated CA is open, its validity a library's default": (
        f"{TLS}::test_the_key_of_a_rotated_ca_is_private_and_its_validity_explicit",
        "tests/net/tls/test_rotation.py::"
        "test_the_keys_are_private_whatever_the_umask_and_however_open_the_old_one_was",
    ),
    "15: a head is read byte by byte": (f"{LIMITS}::test_defect_15_a_connect_head_is_not_read_byte_by_byte",),
    "16: the pages and the code say different things": (
        f"{DRIFT}::test_the_versions_of_what_is_written_are_those_of_the_code",
        f"{DRIFT}::test_what_tells_a_failed_handshake_is_named_as_in_the_code",
        f"{DRIFT}::test_the_hooks_are_those_of_the_handler_with_their_kind_and_parameter",
        f"{DRIFT}::test_the_ports_are_those_of_the_code",
        "tests/record/test_docs_events.py::test_every_close_reason_is_described",
        "tests/docs/test_limits_page.py::test_the_page_has_one_row_for_each_limit_and_none_besides",
    ),
}
FLAWS |= DEFECTS


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
