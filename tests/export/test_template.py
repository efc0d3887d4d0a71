"""Lines of one's own."""

from __future__ import annotations

import pytest

from soth_mitm.export.template import NAMES, Template, TemplateError, TemplatePrinter
from soth_mitm.policy.filters import compile_filter
from soth_mitm.record.rows import RowFold
from soth_mitm.text import printable
from tests.helpers import streams
from tests.helpers.streams import Stream


def lines(stream: Stream, text: str, expression: str = "") -> list[str]:
    """Return what a template makes of a stream."""
    out: list[str] = []
    matcher = compile_filter(expression) if expression else None
    printer = TemplatePrinter(out.append, template=Template(text), fold=RowFold(), matcher=matcher)
    for event in stream.events:
        printer(event)
    printer.finish()
    return "".join(out).splitlines()


def test_names_are_filled_in_with_widths_and_braces() -> None:
    stream = Stream()
    streams.https_exchange(stream, path=b"/v1?token=hush")
    assert lines(stream, "{{{status:>5}}}\\t{method:6}|{url}") == [
        "{  200}\tGET   |https://api.shop.test/v1?token=***"
    ]
    assert lines(stream, "{status}", "status:404") == []


def test_every_name_gives_a_printable_line_for_every_flow() -> None:
    stream = Stream()
    streams.everything(stream)
    found = lines(stream, " ".join(f"{{{name}}}" for name in NAMES))
    assert len(found) == 10
    assert all(printable(line) == line for line in found)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{satus}", "did you mean {status}? names are client, "),
        ("{}", "there is no {}; names are"),
        ("{status.real}", "there is no {status.real}"),
        ("{status!r}", "there is no {status}"),
        ("{status", "write {{ for a brace"),
        ("{status:>99999}", "a width is a number up to 1000"),
        ("{status:{host}}", "a width is a number up to 1000"),
        ("{status:d}", "a width is written as in {status:>10}"),
    ],
)
def test_a_template_that_cannot_be_filled_says_what_can(text: str, says: str) -> None:
    with pytest.raises(TemplateError) as refused:
        Template(text)
    assert says in str(refused.value)
