"""Rows packed in pages are searched by their columns with the same outcome as one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.policy.filters import compile_filter
from soth_mitm.record.bycolumn import search_page
from soth_mitm.record.pages import Page
from soth_mitm.record.rows import Row
from tests.policy.filters.rows import EXPRESSIONS, ROWS


@given(st.lists(ROWS, min_size=1, max_size=12), EXPRESSIONS)
def test_a_page_answers_as_its_rows_do(rows: list[Row], text: str) -> None:
    page = Page()
    for slot, row in enumerate(rows):
        row.flow = slot + 1
        page.pack(slot, row, 0, 0)
    wanted = compile_filter(text)
    found = list(search_page(page, wanted.tree, range(len(rows)), apart=()))
    assert found == [slot for slot, row in enumerate(rows) if wanted(row)]


@given(st.lists(ROWS, min_size=1, max_size=12), EXPRESSIONS, st.booleans())
def test_what_is_certain_of_a_page_is_what_is_certain_of_its_rows(
    rows: list[Row], text: str, negate: bool
) -> None:
    page = Page()
    for slot, row in enumerate(rows):
        row.flow = slot + 1
        page.pack(slot, row, 0, 0)
    wanted = compile_filter(f"{'!' * negate}(({text}) or body:x)")
    found = list(search_page(page, wanted.certain_tree, range(len(rows)), apart=()))
    assert found == [slot for slot, row in enumerate(rows) if wanted.judge(row) is True]
