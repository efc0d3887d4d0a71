"""Fields, states, ranges, and how they are joined."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.policy.filters import FilterError, compile_filter, explain, negated, term_for
from soth_mitm.policy.filters.fields import FIELDS, STATES
from soth_mitm.record.rows import Row
from tests.policy.filters.rows import EXPRESSIONS, ROWS, call, row


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("host:api.", {}),
        ("host:shop.test", {"kind": "tunnel", "host": "203.0.113.7", "sni": "cdn.shop.test"}),
        ("host:=API.shop.test", {}),
        ("host:/^api\\./", {}),
        ("path:dry_run", {}),
        ("url:https://api.shop.test/v1", {}),
        ("method:post", {}),
        ("status:200", {}),
        ("status:2xx", {}),
        ("status:200-299", {}),
        ("status:>=200 status:<300", {}),
        ("status:0", {"status": 0}),
        ("code:404", {"status": 404}),
        ("type:json", {}),
        ("size:2k", {}),
        ("size:>1k", {}),
        ("size:1k..3k", {}),
        ("size:<=2k", {}),
        ("reqsize:20", {}),
        ("dur:>500ms", {}),
        ("dur:0.5s..1s", {}),
        ("dur:>500", {}),
        ("ttfb:<1s", {}),
        ("port:443", {}),
        ("proto:1.1", {}),
        ("client:127.0.0.1", {}),
        ("reason:completed", {}),
        ("reason:expired", {"outcome": "certificate expired"}),
        ("comment:todo", {"comment": "a TODO"}),
        ("is:error", {"error": True}),
        ("is:tls-failed", {"tls_reason": "unknown_ca"}),
        ("is:open", {"state": "streaming"}),
        ("is:streaming", {"state": "streaming"}),
        ("is:tunnel", {"kind": "tunnel"}),
        ("is:sse", {"content_type": "text/event-stream"}),
        ("is:grpc", {"content_type": "application/grpc+proto"}),
        ("is:marked", {"mark": "●"}),
        ("is:intercepted", {}),
        ("orders and status:200", {}),
        ("nothing or status:200", {}),
        ("nothing | status:200 & orders", {}),
        ("not nothing", {}),
        ("!(nothing or status:404)", {}),
        ("(status:404 or status:200) json", {}),
        ('"orders?dry_run"', {}),
        ('"and"', {"path": "/and"}),
        ("a:b", {"path": "/a:b"}),
        ("http://localhost:3000/x", {"scheme": "http", "host": "localhost", "port": 3000, "path": "/x"}),
        ("path:(x)", {"path": "/f(x)"}),
        ("nothing|orders", {}),
        ("status:200&host:api", {}),
        ("path:a=1&b=2", {"path": "/?a=1&b=2"}),
        ("(nothing|is:intercepted)&!png", {}),
        ("reason:/host not found/", {"outcome": "host not found"}),
        ("/a/|/orders/", {}),
        ("/v1 host:api path:/orders/", {}),
        ('type:=""', {"content_type": ""}),
    ],
)
def test_what_is_meant_is_wanted(text: str, changes: dict[str, object]) -> None:
    assert compile_filter(text)(row(**changes))
    assert not compile_filter(negated(text))(row(**changes))


@pytest.mark.parametrize(
    "text",
    [
        "host:=api", "host:/^shop/", "status:404", "status:4xx", "size:<1k", "size:>2k", "dur:>600ms",
        "dur:<1ms", "is:error", "is:open", "orders status:404", "!orders", "method:=pos", "ttfb:>1s",
        "is:marked", "comment:x",
    ],
)  # fmt: skip
def test_what_is_not_meant_is_not_wanted(text: str) -> None:
    assert not compile_filter(text)(row())


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("status:", 6, "nothing follows"),
        ("status:abc", 7, "5xx"),
        ("host:a size:big", 12, "a size is written"),
        ("dur:1s..", 4, "a time is written"),
        ("size:2k..1k", 5, "the smaller number comes first"),
        ("is:eror", 3, "did you mean is:error?"),
        ("is:", 3, "there is no state"),
        ("statsu:200", 0, "did you mean status:"),
        ("(a", 0, "not closed"),
        ("a)", 1, "no '('"),
        ("a or", 3, "a term is missing at the end"),
        ("or a", 0, "a term is missing before 'or'"),
        ("()", 1, "a term is missing before ')'"),
        ('"a', 0, "not closed"),
        ('host:"a', 5, "not closed"),
        ("host:/[/", 6, "not a regular expression"),
        ("body:/(/", 6, "not a regular expression"),
        ("body:=x", 5, "as a whole"),
        ("host:/b(a+)+c/", 7, "repeats a repetition"),
        ("body:/(\\s*\\w+)*$/", 6, "repeats a repetition"),
        ("!" * 100 + "a", 41, "levels"),
        ("x" * 5000, 4000, "longer than"),
    ],
)
def test_an_error_names_the_column_and_what_to_do(text: str, column: int, words: str) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(text)
    assert caught.value.column == column
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "every flow"),
        ("status:5xx host:api.", "status is 500 to 599 and host has “api.”"),
        ("size:>1m or is:error", "size of the response is more than 1.0M bytes or failed"),
        ("!png", "not: “png” in the line"),
        ("!(a b)", "not (“a” in the line and “b” in the line)"),
        ("body:/x+/", "the body matches /x+/"),
        ("reqheader:cookie", "a header field of the request has “cookie”"),
        ("is:replay replay:7", "is a replay and flow whose request it sends again is 7"),
        ("dur:>=2s", "duration is at least 2.0s"),
        ("method:=get method:P", "method is “GET” and method has “P”"),
    ],
)
def test_an_expression_is_explained_in_words(text: str, words: str) -> None:
    assert explain(text) == words


@pytest.mark.parametrize("text", ["/[[a]/", "header:/[a&&b]/", "host:/[a||b]/", "~u '[[a]'"])
def test_no_expression_makes_python_warn(text: str) -> None:
    assert compile_filter(text).judge(row()) in (True, False, None)
    for term in compile_filter(text).deep:
        assert not term.matches_body(b"")


def test_every_example_of_the_fields_and_every_state_is_understood() -> None:
    for field in FIELDS:
        assert explain(field.example)
    for state in STATES:
        assert explain(f"is:{state.name}")


@given(st.text(max_size=40) | st.text(alphabet="ab:()!&|\"'/~<>=.0123456789xkms ", max_size=30))
def test_any_text_compiles_and_explains_or_is_refused_with_a_column_within_it(text: str) -> None:
    column = 0
    try:
        compile_filter(text)(row())
        explain(text)
    except FilterError as error:
        column = error.column
    assert 0 <= column <= len(text)


def test_a_host_with_a_digit_and_a_port_is_a_word_and_no_field() -> None:
    assert compile_filter("web1:8443")(row(host="web1", port=8443))
    assert compile_filter("ja4:t13d")(row(ja4="t13d1516h2_8daaf6152771_e5627efa2ab1"))


@given(EXPRESSIONS, ROWS)
def test_a_negation_is_the_opposite_and_twice_is_the_same(text: str, one: object) -> None:
    wanted = compile_filter(text)(one)  # type: ignore[arg-type]
    assert compile_filter(negated(text))(one) is not wanted  # type: ignore[arg-type]
    assert compile_filter(negated(negated(text)))(one) is wanted  # type: ignore[arg-type]


@given(
    st.sampled_from(
        [f.name for f in FIELDS if f.kind == "text" and f.attributes[0] in Row.__struct_fields__]
    ),
    st.text(),
)
def test_a_term_made_of_a_value_asks_for_that_value(name: str, value: str) -> None:
    attribute = next(field.attributes[0] for field in FIELDS if field.name == name)
    assert compile_filter(term_for(name, value))(row(**{attribute: value}))


# --- what rows cannot answer


def test_deep_terms_leave_it_open_until_they_are_answered() -> None:
    wanted = compile_filter("status:200 (body:needle or header:x-a) !reqbody:secret")
    assert [term.words for term in wanted.deep] == ["needle", "x-a", "secret"]
    assert wanted.judge(row()) is None
    assert wanted.judge(row(status=404)) is False
    assert wanted.judge_deep(row(), [True, False, False])
    assert not wanted.judge_deep(row(), [True, False, True])
    assert not wanted.judge_deep(row(), [False, False, False])


def test_a_row_may_be_wanted_whatever_the_body_says() -> None:
    wanted = compile_filter("status:200 or body:needle")
    assert wanted.judge(row()) is True
    assert wanted.judge(row(status=404)) is None


@given(EXPRESSIONS, EXPRESSIONS, ROWS, st.booleans(), st.booleans())
def test_what_is_decided_early_is_what_the_answers_decide(
    one: str, two: str, each: object, answer: bool, negate: bool
) -> None:
    text = f"({one}) or {'!' * negate}((body:x) ({two}))"
    wanted = compile_filter(text)
    early = wanted.judge(each)  # type: ignore[arg-type]
    late = wanted.judge_deep(each, [answer])  # type: ignore[arg-type]
    assert early is None or early is late


def test_a_term_is_looked_for_in_the_fields_of_a_head_and_not_in_its_start_line() -> None:
    (term,) = compile_filter("header:/^x-a: b$/").deep
    assert term.matches_head(b"GET /x-a HTTP/1.1\r\nX-A: b\r\n\r\n")
    assert not term.matches_head(b"GET /x-a HTTP/1.1\r\nX-A: bc\r\n\r\n")
    (term,) = compile_filter('reqheader:="x-a: b"').deep
    assert term.matches_head(b"GET /x-a HTTP/1.1\nx-a: B\n\n")
    assert not term.matches_head(b"GET /x-a HTTP/1.1\nx-a: b, c\n\n")
    (term,) = compile_filter("header:x-a").deep
    assert term.matches_head(b"GET /x HTTP/1.1\r\nX-A: b\r\n\r\n")
    assert not term.matches_head(b"GET /x-a HTTP/1.1\r\nHost: b\r\n\r\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model:OPUS", "language model that answers has “opus”"),
        ("tokens:>18k", "tokens in and out of a language model is more than 18,000"),
        ("tokin:18204", "tokens into a language model is 18,204"),
        ("cached:1k..20k", "tokens that came from a model's cache is 1,000 to 20,000"),
        ("cost:>0.01", "cost of a call in US dollars is more than 0.01"),
        ("cost:<=1", "cost of a call in US dollars is at most 1"),
        ("ttft:<1s", "time to the first token is less than 1.0s"),
        ("rate:>=80", "tokens a second is at least 80"),
        ("stalls:0", "pauses of more than 2 s in an answer is 0"),
        ("stop:tool_use", "why the model stopped has “tool_use”"),
        ("is:llm", "is a call to a language model"),
    ],
)
def test_calls_to_language_models_are_found_by_their_numbers(text: str, words: str) -> None:
    assert explain(text) == words
    wanted = compile_filter(text)
    assert wanted(row(llm=call()))
    assert not wanted(row())


@pytest.mark.parametrize("text", ["cost:<1", "tokout:<5", "ttft:<1s", "rate:<1000"])
def test_a_number_of_a_call_that_is_not_known_is_in_no_range(text: str) -> None:
    assert not compile_filter(text)(row(llm=call(cost=-1, output_tokens=-1, first_ns=-1, text_ns=-1)))
