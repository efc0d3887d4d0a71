"""Expressions that are asked of every message: the short way says what the long one does."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.model.events import ProcessKnown
from soth_mitm.model.terms import Direction
from soth_mitm.policy.filters import compile_filter
from soth_mitm.policy.questions import Question
from soth_mitm.policy.subject import Subject

TERMS = (
    "host:api", "host:www", "method:POST", "status:5xx", "status:200", "path:/v1", "port:443", "/v1", "is:ws",
    "is:error", "is:streaming", "url:https", "sni:api", "proc:curl", "header:x-a", "req.header:token",
    "resp.header:token", "header:/x-.:/", "header:content-type=json", "body:needle", "resp.body:hay",
    "is:changed", "type:json",
)  # fmt: skip


def _joined(parts: list[str]) -> st.SearchStrategy[str]:
    return st.sampled_from([" ".join(parts), " or ".join(parts), f"!({' or '.join(parts)})"])


expressions = st.lists(
    st.tuples(st.sampled_from(("", "!")), st.sampled_from(TERMS)).map("".join), min_size=1, max_size=3
).flatmap(_joined)


class Conn:
    """A client's connection."""

    sni = "api.test"
    ja4 = ""
    process: ProcessKnown | None = None


def made(method: bytes, host: str, field: bytes, answer: tuple[int, bytes] | None, body: bytes) -> Subject:
    subject = Subject(
        scheme="https",
        host=host,
        port=443,
        method=method,
        target=b"/v1/x" if field else b"/",
        version="HTTP/1.1",
        raw=method + b" /v1/x HTTP/1.1\r\n" + field + b"\r\n",
        conn=Conn(),
    )
    if answer is not None:
        status, sent = answer
        subject.answered(status, b"HTTP/1.1 %d OK\r\n%b\r\n" % (status, sent), switches=status == 101)
    if body:
        subject.has_body(Direction.REQUEST, body)
    return subject


FIELDS = st.sampled_from((b"", b"X-A: 1\r\n", b"x-b: TOKEN\r\n", b"Content-Type: application/json\r\n"))
methods = st.sampled_from((b"GET", b"POST"))
hosts = st.sampled_from(("api.test", "www.test"))
statuses = st.sampled_from((101, 200, 500))
requests = st.builds(made, methods, hosts, FIELDS, st.none(), st.sampled_from((b"", b"a needle")))
responses = st.builds(made, methods, hosts, FIELDS, st.tuples(statuses, FIELDS), st.just(b""))


@settings(max_examples=300, deadline=None)
@given(expressions, requests | responses, requests | responses, st.booleans())
def test_what_is_left_to_ask_of_a_site_says_what_the_whole_expression_does(
    expression: str, first: Subject, second: Subject, undecided: bool
) -> None:
    wanted = compile_filter(expression)
    question = Question(wanted, undecided=undecided)
    judged = second.judge(wanted)
    expected = undecided if judged is None else judged
    assert question.asks(second) == expected
    response = bool(second.status)
    if (first.host, first.method, bool(first.status)) == (second.host, second.method, response):
        left = question.of(first, response=response)
        assert (left is not None and left(second)) == expected


def test_nothing_is_left_to_ask_of_another_host_or_of_a_request_for_its_status() -> None:
    request = made(b"GET", "www.test", b"", None, b"")
    response = made(b"GET", "www.test", b"", (200, b""), b"")
    for expression in ("host:other", "method:POST header:x-a", "host:other or method:PUT", "!host:www"):
        assert Question(compile_filter(expression)).of(response, response=True) is None
    asked = Question(compile_filter("status:5xx"))
    assert asked.of(request, response=False) is None
    assert asked.of(response, response=True) is not None
