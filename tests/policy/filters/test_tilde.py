"""mitmproxy's expressions keep their meaning. The examples are those of its own documentation."""

from __future__ import annotations

import pytest

from soth_mitm.policy.filters import FilterError, Scope, SideOf, compile_filter, explain
from soth_mitm.policy.filters.tilde import OPERATORS
from tests.policy.filters.rows import row

ALL_OF_THEM = (
    "~a ~all ~b ~bq ~bs ~c ~comment ~d ~dns ~dst ~e ~h ~hq ~hs ~http ~m ~marked ~marker ~meta ~q ~replay "
    "~replayq ~replays ~s ~src ~t ~tcp ~tq ~ts ~u ~udp ~websocket"
)


def test_every_operator_of_it_is_there() -> None:
    assert sorted(operator.name for operator in OPERATORS) == sorted(ALL_OF_THEM.split())


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("~u google\\.com", {"host": "www.google.com"}),
        ("google\\.com & ~all", {"host": "www.google.com"}),
        ("~d api ~c 200", {}),
        ("!~d cdn", {}),
        ("!(~q)", {}),
        ("~q", {"status": 0, "state": "open"}),
        ("~s", {}),
        ("~m post", {}),
        ("~m 'get|post'", {}),
        ("~c 404 | ~c 200", {}),
        ("~t json", {}),
        ("~a", {"content_type": "image/png"}),
        ("~a", {"content_type": "text/css"}),
        ("~dst 'api.shop.test:443'", {}),
        ("~src 127", {}),
        ("~e", {"error": True}),
        ("~marked", {"mark": "●"}),
        ("~marker ●", {"mark": "●"}),
        ("~comment todo", {"comment": "TODO later"}),
        ("~websocket", {"status": 101}),
        ("~http", {}),
        ("~tcp", {"kind": "bytes"}),
        ("~all", {"kind": "failed", "status": 0}),
    ],
)
def test_what_it_wants_is_wanted(text: str, changes: dict[str, object]) -> None:
    assert compile_filter(text)(row(**changes))


@pytest.mark.parametrize(
    "text",
    [
        "~d cdn",
        "~c 404",
        "~q",
        "~m '^get$'",
        "~a",
        "~e",
        "~marked",
        "~replay",
        "~replayq",
        "~udp",
        "~dns",
        "~meta x",
        "~tcp",
    ],
)
def test_what_it_does_not_want_is_not_wanted(text: str) -> None:
    assert not compile_filter(text)(row())


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("~d api ~c 200 | ~c 404", "~d api & (~c 200 | ~c 404)"),
        ("~c 404|~c 200", "~c 404 | ~c 200"),
        ("~q|~s", "~q | ~s"),
        ("!~q & ~s", "(!~q) & ~s"),
        ("~u a|b", "~u 'a|b'"),
        ("~m get | ~c 1 & ~e", "~m get | (~c 1 & ~e)"),
    ],
)
def test_operators_bind_as_they_do_there(text: str, same: str) -> None:
    assert compile_filter(text).node == compile_filter(same).node


def test_a_media_type_is_that_of_either_side() -> None:
    wanted = compile_filter("~t html")
    assert wanted.judge(row(content_type="text/html")) is True
    assert wanted.judge(row()) is None, "the request may have been one"
    (term,) = compile_filter('~t "^text/html$"').deep
    assert term.matches_head(b"POST / HTTP/1.1\r\ncontent-type: TEXT/html\r\n\r\n")
    assert not term.matches_head(b"POST / HTTP/1.1\r\ncontent-type: text/html; charset=x\r\n\r\n")


def test_an_asset_is_one_that_was_answered() -> None:
    assert not compile_filter("~a")(row(status=0, content_type="image/png"))


def test_a_body_without_a_response_is_the_documentations_own_example() -> None:
    wanted = compile_filter("~q & ~b test")
    assert wanted.judge(row()) is False, "~q means: no response yet"
    assert wanted.judge(row(status=0, state="open")) is None
    assert wanted.judge_deep(row(status=0, state="open"), [True])


def test_everything_but_requests_with_a_text_html_content_type() -> None:
    wanted = compile_filter('!(~q & ~t "text/html")')
    assert wanted(row())
    assert not wanted(row(status=0, content_type="text/html"))


@pytest.mark.parametrize(
    ("text", "scope", "side"),
    [
        ("~b x", Scope.BODY, SideOf.EITHER),
        ("~bq x", Scope.BODY, SideOf.REQUEST),
        ("~bs x", Scope.BODY, SideOf.RESPONSE),
        ("~h x", Scope.HEADER, SideOf.EITHER),
        ("~hq x", Scope.HEADER, SideOf.REQUEST),
        ("~hs x", Scope.HEADER, SideOf.RESPONSE),
        ("~tq x", Scope.HEADER, SideOf.REQUEST),
        ("~ts x", Scope.HEADER, SideOf.RESPONSE),
    ],
)
def test_bodies_and_fields_are_looked_up(text: str, scope: Scope, side: SideOf) -> None:
    (term,) = compile_filter(text).deep
    assert (term.scope, term.side) == (scope, side)


def test_a_media_type_of_one_side_is_that_of_its_field() -> None:
    (term,) = compile_filter("~tq 'json|xml'").deep
    assert term.matches_head(b"POST / HTTP/1.1\r\nContent-Type: text/xml\r\n\r\n")
    assert not term.matches_head(b"POST / HTTP/1.1\r\nAccept: text/xml\r\n\r\n")


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("~x", 0, "there is no operator ~x"),
        ("~markd", 0, "did you mean ~marked?"),
        ("~c", 0, "~c needs a number"),
        ("~c abc", 3, "status:5xx"),
        ("~u", 0, "~u needs a regex"),
        ("~u [", 3, "not a regular expression"),
        ("(~q", 0, "not closed"),
        ("~q )", 3, "no '('"),
        ("~u 'a", 3, "not closed"),
        ("~q &", 3, "a term is missing"),
    ],
)
def test_an_error_names_the_column(text: str, column: int, words: str) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(text)
    assert words in caught.value.message
    assert caught.value.column == column


def test_what_is_not_recorded_is_accepted_and_says_so() -> None:
    assert "does not carry UDP" in explain("~udp")


def test_a_tilde_in_quotes_or_in_a_word_is_none_of_its_operators() -> None:
    assert compile_filter('"~q"')(row(path="/~q"))
    assert compile_filter("/~user")(row(path="/~user"))
