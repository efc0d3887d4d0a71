"""Folded lines: which line stands in which row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.record.document import Fold
from soth_mitm_tui.viewers.folding import Folding

NESTED = [Fold(0, 29, 3), Fold(2, 9, 2), Fold(3, 5, 1), Fold(11, 12, 1), Fold(13, 20, 2), Fold(14, 19, 1)]


@given(st.lists(st.sampled_from(NESTED), unique=True))
def test_rows_are_the_lines_that_no_closed_fold_hides(closed: list[Fold]) -> None:
    folding = Folding()
    folding.close(closed)
    seen = [n for n in range(40) if not any(fold.line < n <= fold.end for fold in closed)]
    assert folding.hidden == 40 - len(seen)
    assert [folding.line_of(row) for row in range(len(seen))] == seen
    for row, line in enumerate(seen):
        assert folding.row_of(line) == row


def test_a_hidden_line_stands_in_the_row_of_its_fold_until_that_is_opened() -> None:
    folding = Folding()
    folding.close(NESTED[1:3])
    assert folding.row_of(4) == 2
    assert folding.open_around(4)
    assert folding.row_of(4) == 4
    assert not folding.open_around(4)


def test_what_has_no_end_yet_stays_open() -> None:
    folding = Folding()
    folding.close([Fold(2, -1, 0)])
    assert len(folding) == 0
