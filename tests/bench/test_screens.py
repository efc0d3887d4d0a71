"""What the bench sees of an app: screens out of bytes, the moment of a change, and the heartbeat."""

from __future__ import annotations

import os
import sys
import time
from array import array
from pathlib import Path

import pytest

from bench.emulator import Emulator
from bench.lanes.listed import rows, selected
from bench.pulse import read

if sys.platform != "win32":
    from bench.terminal import COLUMNS, LINES, opened


def test_text_stands_where_the_cursor_was_put_on_the_colour_that_was_set() -> None:
    screen = Emulator(10, 3)
    screen.feed(b"\x1b[2;3H\x1b[48;5;23;1mab\x1b[0mc\r\nd")
    assert screen.text == "          \n  abc     \nd         "
    assert screen.backgrounds(1)[1:6] == ["", "48;5;23", "48;5;23", "", ""]


def test_a_sequence_and_a_character_may_come_in_two_pieces() -> None:
    screen = Emulator(6, 2)
    for piece in (b"\x1b[2", b";2Hx\xe2", b"\x96\xb8y"):
        screen.feed(piece)
    assert screen.line(1) == " x\u25b8y  "


def test_titles_modes_and_queries_draw_nothing_and_wide_characters_take_two_cells() -> None:
    screen = Emulator(6, 1)
    screen.feed("\x1b]0;title\x07\x1b[?2026h\x1b[?2026$p\x1b[>1u\x1b[?25l世x".encode())
    assert screen.line(0) == "世x   "
    screen.feed(b"\x1b[2J")
    assert screen.text == "      "


def test_the_row_of_the_cursor_and_the_rows_of_flows_are_found() -> None:
    screen = Emulator(60, 4)
    screen.feed(b"\r\n    GET 200 /1k octet-stream\r\n\xe2\x96\xb8   GET 200 /64k octet-stream\r\n q quit")
    assert [row.split()[-2] for row in rows(screen)] == ["/1k", "/64k"]
    y, line, keys = selected(screen)
    assert (y, "/64k" in line, keys.strip()) == (2, True, "q quit")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal on Windows")
def test_a_kept_screen_tells_when_something_was_first_shown() -> None:
    with opened(keep=True) as (near, screen):
        since = time.perf_counter()
        for text in (b"one", b"two", b"three"):
            drawn = screen.drawn
            os.write(near, b"\x1b[H" + text)
            deadline = time.monotonic() + 5
            while screen.drawn == drawn:
                assert time.monotonic() < deadline
        now = time.perf_counter()
        found = screen.first(since, now, lambda shown: shown.line(0).startswith("two"))
        assert found is not None
        assert since < found < now
        assert screen.first(found, now, lambda shown: "four" in shown.text) is None
        assert screen.shown().line(0).rstrip() == "three"
        assert len(screen.shown().text) == (COLUMNS + 1) * LINES - 1


def test_the_heartbeat_is_read_for_the_measured_time_only(tmp_path: Path) -> None:
    path = tmp_path / "beats"
    path.write_bytes(array("d", (1.0, 9.0, 2.0, 0.5, 3.0, 0.25, 4.0, 9.0)).tobytes())
    assert read(path, 2.0, 3.0) == [0.5, 0.25]
