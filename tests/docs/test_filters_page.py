"""docs/filters.md lists every field, state and operator of the filter language.

To write it anew: `python tests/docs/test_filters_page.py > docs/filters.md`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from soth_mitm.policy.filters import explain
from soth_mitm.policy.filters.fields import ALIASES, FIELDS, STATES
from soth_mitm.policy.filters.tilde import OPERATORS

PAGE = Path(__file__).parents[2] / "docs" / "filters.md"
EXAMPLES = (
    "checkout !png",
    "host:api. status:5xx",
    "size:>1m or dur:>500ms",
    "is:error !(is:tls-failed or host:ads.)",
    "type:json path:/v1/ method:=post",
    "url:/orders\\/\\d+$/",
    "body:needle reqheader:authorization",
    '"two words"',
)
HEAD = """\
# Filters

One language for the app's list (`/`), `--filter`, `soth-mitm replay`, breakpoints and
[rules](rules.md). As you type in the app, the bar says whether the expression is valid, what it means, and
what could come next.

A plain word is looked for, whatever its case, in one line of text per flow: method, status,
`host:port`, URL, media type and outcome. `/…/` is a regular expression over the same line. Terms side
by side must all hold (`and` and `&` say the same), `or` and `|` ask for one of two, `!` and `not` turn
a term round, parentheses group. `|` ends a word; `&` does before a blank, `!`, `(` or a field, and is
otherwise a part of it, as in `?a=1&b=2`.

| Expression | Means |
|---|---|
"""
FIELDS_HEAD = """
## Fields

`field:value` looks in one field: what it holds, `field:=value` what it is as a whole, `field:/…/` what
it matches, all whatever the case. A value with blanks or signs goes in quotes: `comment:"to do"`; `\\"`
is a quote in them. Numbers are one (`404`), a range (`400-499`, `1k..2m`), or a bound (`>1m`,
`<=500ms`). Sizes are bytes, or `k`, `m`, `g` of 1,024; times are milliseconds, or `us`, `ms`, `s`, `m`,
`h`. A status class is `5xx`.

| Field | What it is | Example |
|---|---|---|
"""
STATES_HEAD = """
## States

| Term | A flow that |
|---|---|
"""
DEEP = """
## Heads and bodies

`header:` and `body:` (and those of one side, `reqheader:` to `resbody:`) ask what no list knows: they
are looked up in the recording. A field is looked for in its line, `name: value`, as it was sent; a body
with its content codings removed. In the app a process of its own does that, newest flows first, and
shows how far it has come; `esc` stops it.

`--filter` looks at the first 1 MiB of each body, as it came and decoded, and keeps at most 64 MiB of
all bodies together for that: what lies behind is not found, and `!body:x` holds where `x` does. A flow
is printed when it ends; a stream as soon as what has come of it decides.

## Regular expressions

They are Python's, and take no notice of case. Over rows they run in the program's own loop, on short
texts: a row keeps 120 characters of a path, and an expression is at most 4,000 characters long. One that
tries many ways to fail, such as `/(a+)+b/`, can still take longer than anyone waits: one repetition
directly inside another is refused. Blanks are fine in an expression unless the next term seems to begin
behind one; write `\\s` there.

## mitmproxy's expressions

An expression with a `~` is mitmproxy's, and means what it means there, with its `&`, `|`, `!` and
parentheses; a naked word is a regular expression over the URL. Terms side by side must all hold, and bind
less than `|`. In quotes a backslash before a quote or a backslash is taken away, and any other is kept,
as an expression needs it. What asks for something that is not recorded here matches nothing and says so.

| Operator | Wants |
|---|---|
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page() -> str:
    parts = [HEAD]
    parts += [f"| `{_cell(text)}` | {_cell(explain(text))} |\n" for text in EXAMPLES]
    parts.append(FIELDS_HEAD)
    others = {name: [alias for alias, known in ALIASES.items() if known == name] for name in ALIASES.values()}
    for field in FIELDS:
        names = ", ".join(f"`{name}:`" for name in (field.name, *others.get(field.name, ())))
        words = field.words + (f" ({field.note})" if field.note else "")
        parts.append(f"| {names} | {_cell(words)} | `{_cell(field.example)}` |\n")
    parts.append(STATES_HEAD)
    for state in STATES:
        never = f" (none: {state.why_never})" if state.why_never else ""
        parts.append(f"| `is:{state.name}` | {state.words}{never} |\n")
    parts.append(DEEP)
    for operator in OPERATORS:
        argument = f" {operator.argument}" if operator.argument else ""
        parts.append(f"| `{operator.name}{argument}` | {operator.words} |\n")
    return "".join(parts)


def test_the_page_is_that_of_the_language() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


if __name__ == "__main__":
    sys.stdout.write(page())
