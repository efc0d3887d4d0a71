"""Rows of queries, forms and cookies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.policy.editing.pairs import PairError, Pairs, Spelling, pairs, query_of, with_query

_SPELLINGS = st.sampled_from(Spelling)
_LOOSE = st.lists(
    st.sampled_from([b"a", b"=", b"&", b";", b" ", b"%41", b"%", b"+", b"\xff", b"?"]), max_size=16
)


@given(_SPELLINGS, _LOOSE.map(b"".join) | st.binary(max_size=24))
def test_what_nobody_touched_is_written_as_it_came(spelling: Spelling, data: bytes) -> None:
    assert pairs(spelling, data).data == data


@given(_SPELLINGS, _LOOSE.map(b"".join), st.data())
def test_setting_a_row_to_what_it_is_changes_no_byte(
    spelling: Spelling, data: bytes, draw: st.DataObject
) -> None:
    read = pairs(spelling, data)
    if read.rows:
        at = draw.draw(st.integers(0, len(read.rows) - 1))
        name, value = read.rows[at]
        assert read.renamed(at, name).valued(at, value).data == data


@given(
    st.sampled_from([Spelling.QUERY, Spelling.FORM]),
    st.lists(st.tuples(st.binary(min_size=1), st.none() | st.binary())),
)
def test_any_bytes_that_are_added_are_read_back(
    spelling: Spelling, rows: list[tuple[bytes, bytes | None]]
) -> None:
    made = Pairs(spelling)
    for name, value in rows:
        made = made.added(name, value)
    assert list(pairs(spelling, made.data).rows) == rows


def test_a_changed_value_leaves_the_spelling_of_its_name_and_of_other_rows() -> None:
    query = pairs(Spelling.QUERY, b"%61=1&b=%7e+x&b=&c")
    assert query.rows == ((b"a", b"1"), (b"b", b"~ x"), (b"b", b""), (b"c", None))
    assert query.valued(0, b"a b&c").data == b"%61=a%20b%26c&b=%7e+x&b=&c"
    assert query.valued(3, b"").valued(2, None).data == b"%61=1&b=%7e+x&b&c="


def test_a_form_writes_blanks_as_plus_signs() -> None:
    assert pairs(Spelling.FORM, b"q=1").added(b"a b", b"c+d").data == b"q=1&a+b=c%2Bd"


def test_rows_are_added_removed_and_moved_with_the_right_bytes_between_them() -> None:
    jar = pairs(Spelling.COOKIES, b"a=1;b=2;  c=3")
    assert jar.removed(0).data == b"b=2;  c=3"
    assert jar.removed(2).added(b"d", b"4").data == b"a=1;b=2; d=4"
    assert jar.added(b"z", b"0", at=0).data == b"z=0; a=1;b=2;  c=3"
    assert jar.moved(2, 0).data == b"c=3; a=1;b=2"
    assert jar.moved(0, 2).rows == ((b"b", b"2"), (b"c", b"3"), (b"a", b"1"))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (b"a", b"1;2", "the value of a cookie cannot hold a semicolon (at 2)"),
        (b"a", b"1\r\nb: 2", r"the value of a cookie cannot hold the byte \\x0d \(at 2\)"),
        (b"a\x00", b"", r"the name of a cookie cannot hold the byte \\x00 \(at 2\)"),
        (b"a=b", b"", "holds no equals sign"),
        (b" a", b"", "neither begins nor ends with a blank"),
        (b"", None, "a row needs a name or a value"),
    ],
)
def test_what_a_cookie_cannot_hold_is_refused_with_its_place(
    name: bytes, value: bytes | None, said: str
) -> None:
    with pytest.raises(PairError, match=said.replace("(at 2)", r"\(at 2\)") if "\\(" not in said else said):
        Pairs(Spelling.COOKIES).added(name, value)


def test_a_query_goes_back_into_its_target() -> None:
    target = b"/orders?dry_run=1&x"
    assert query_of(target).rows == ((b"dry_run", b"1"), (b"x", None))
    assert with_query(target, query_of(target).valued(0, b"0")) == b"/orders?dry_run=0&x"
    assert with_query(b"/orders", query_of(b"/orders").added(b"a", b"1")) == b"/orders?a=1"
    assert with_query(b"/orders?a=1", query_of(b"/orders?a=1").removed(0)) == b"/orders"
    assert with_query(b"/orders?", query_of(b"/orders?")) == b"/orders?"
