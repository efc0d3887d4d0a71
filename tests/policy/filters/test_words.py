"""Plain words, expressions between slashes, and what is not wanted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.policy.filters import FilterError, compile_filter, line_of
from soth_mitm.record.rows import Row


def row(**changes: object) -> Row:
    fields: dict[str, object] = {
        "flow": 1, "conn": 1, "kind": "http", "started_wall_ns": 0, "started_mono_ns": 0, "client": "",
        "scheme": "https", "host": "api.Shop.test", "port": 443, "method": "POST", "status": 502,
        "path": "/v1/Orders?dry_run=1", "content_type": "application/json", "outcome": "cert expired",
    }  # fmt: skip
    return Row(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "orders", "ORDERS post", "502", "json expired", "api.shop.test:443", "/v1/orders",
        "https://api.shop.test/v1/orders", "!get", "!/^get/", "/v[0-9]+/", "/^post\\s502/", "/t\\sexpired/",
        "//", "/", "dry_run=1 !png",
    ],
)  # fmt: skip
def test_a_row_that_holds_every_term_is_wanted(text: str) -> None:
    assert compile_filter(text)(row())


@pytest.mark.parametrize(
    "text", ["get", "orders get", "!orders", "!/v\\d/", "/^get/", "http://api", "200", "!!x !post"]
)
def test_a_row_that_misses_a_term_or_holds_an_unwanted_one_is_not(text: str) -> None:
    assert not compile_filter(text)(row())


def test_a_port_that_is_not_the_default_is_part_of_the_url() -> None:
    assert compile_filter("http://localhost:3000/x")(
        row(scheme="http", host="localhost", port=3000, path="/x")
    )
    assert compile_filter("https://[::1]:8443/x")(row(host="::1", port=8443, path="/x"))


def test_a_row_without_a_status_does_not_match_zero() -> None:
    assert "0" not in line_of(row(status=0, path="/", port=443, outcome=""))


def test_a_filter_without_terms_is_false() -> None:
    assert not compile_filter(" ")
    assert compile_filter("x")


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("/a(/", 2, "not a regular expression"),
        ("get /[/", 5, "not a regular expression"),
        ("get !", 4, "needs a word"),
        ("!/*/", 2, "nothing to repeat"),
    ],
)
def test_an_error_names_the_column_and_what_to_do(text: str, column: int, words: str) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(text)
    assert caught.value.column == column
    assert words in caught.value.message
    assert f"column {column + 1}" in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_compiles_or_is_refused_with_a_column_within_it(text: str) -> None:
    column = 0
    try:
        compile_filter(text)(row())
    except FilterError as error:
        column = error.column
    assert 0 <= column <= len(text)
