"""XML and HTML laid out: nesting shown, words kept, cut anywhere, and never an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.decode.markup_flow import MarkupFlow

PAGE = (
    "<!DOCTYPE html><html><head><title>A  page</title><script>\n if (a < b) {}\n</script></head>"
    '<body class="a > b"><p>Some <b>bold</b> text<br>next</p><!-- c --></div></body></html>'
)


def laid_out(source: str, *, html: bool = True, cuts: list[int] | None = None) -> str:
    flow = MarkupFlow(html=html)
    out, at = "", 0
    for cut in sorted(cut % (len(source) + 1) for cut in cuts or ()):
        out += flow.feed(source[at:cut], final=False)
        at = cut
    return out + flow.feed(source[at:], final=True)


def test_html_shows_its_nesting_and_keeps_scripts_as_they_are() -> None:
    assert laid_out(PAGE).split("\n") == [
        "<!DOCTYPE html>",
        "<html>",
        "  <head>",
        "    <title>A page</title>",
        "    <script>",
        " if (a < b) {}",
        "    </script>",
        "  </head>",
        '  <body class="a > b">',
        "    <p>",
        "      Some <b>bold</b> text",
        "      <br>",
        "      next",
        "    </p>",
        "    <!-- c -->",
        "    </div>",
        "  </body>",
        "</html>",
    ]


def test_xml_keeps_names_as_they_are_and_one_text_stays_in_its_line() -> None:
    source = '<?xml version="1.0"?><a><B c="1"/><d>text</d><e><f/></e><![CDATA[ <x> ]]></a>'
    assert laid_out(source, html=False).split("\n") == [
        '<?xml version="1.0"?>',
        "<a>",
        '  <B c="1"/>',
        "  <d>text</d>",
        "  <e>",
        "    <f/>",
        "  </e>",
        "  <![CDATA[ <x> ]]>",
        "</a>",
    ]


@given(st.lists(st.integers(0, 1000), max_size=20))
def test_pieces_give_what_the_whole_gives(cuts: list[int]) -> None:
    assert laid_out(PAGE, cuts=cuts) == laid_out(PAGE)


@given(st.text(alphabet="<>/!-[]?\"' abp=\n", max_size=200), st.booleans())
def test_nothing_but_white_space_is_added_or_lost(source: str, html: bool) -> None:
    assert "".join(laid_out(source, html=html).split()) == "".join(source.split())


@pytest.mark.parametrize("unit", ["<", '<a "', "<!--", "<a b='", "</a", "<pre>", "<a>"])
def test_what_never_ends_takes_time_in_proportion(unit: str) -> None:
    source = unit * (200_000 // len(unit))
    flow = MarkupFlow(html=True)
    out = [flow.feed(source[at : at + 65536], final=False) for at in range(0, len(source), 65536)]
    out.append(flow.feed("", final=True))
    assert "".join("".join(out).split()) == "".join(source.split())
