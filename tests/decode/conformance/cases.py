r"""Cases of the decoders as data: what a body is, and the lines that a person must see.

A file `NAME.txt` holds the cases of one subject. A case begins with `# ` and its title; then come

    > type application/json     what is known of the body: type, coding (applied here), path, response,
                                message-encoding, decoder (chosen by hand), cut N (N bytes are missing at
                                the end), open (more may come), schema (that of tests/decode/shop.py)
    "a\x00"                     the body: pieces of text in UTF-8, with Python's escapes,
    82 a1 61                    and bytes as hex, one after the other; `00 * 512` is so many of them
    = msgpack                   the decoder that must show it
    ~ words                     a note about it
    ! words                     what is wrong with it
    | line                      a line that is shown

To write the expected parts of a file anew: `python tests/decode/conformance/cases.py NAME`; read what
changed, since a test that repeats a defect finds none.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import NamedTuple

from soth_mitm.decode import Rendered, render
from soth_mitm.decode.about import About
from soth_mitm.decode.protobuf.schema import Schema, schema_of
from soth_mitm.decode.redoing import redoing
from tests.decode.shop import SET

HERE = Path(__file__).parent
_EXPECTED = ("= ", "~ ", "! ", "| ")


class Case(NamedTuple):
    """One body, and what is to be seen of it."""

    title: str
    known: dict[str, str]
    body: bytes
    expected: tuple[str, ...]
    source: tuple[str, ...]
    """The lines of the file that say what the body is."""


def subjects() -> list[str]:
    """Return the names of the files of cases."""
    return sorted(path.stem for path in HERE.glob("*.txt"))


def cases_of(subject: str) -> list[Case]:
    """Return the cases of a file."""
    text = (HERE / f"{subject}.txt").read_text(encoding="utf-8")
    return [_case(block) for block in text.removeprefix("# ").split("\n\n# ")]


def _case(block: str) -> Case:
    title, *lines = block.rstrip("\n").split("\n")
    known: dict[str, str] = {}
    body = b""
    expected = [line for line in lines if line.startswith(_EXPECTED) or line == "|"]
    source = [line for line in lines if line not in expected]
    for line in source:
        if line.startswith("> "):
            name, _, value = line[2:].partition(" ")
            known[name] = value
        elif line.startswith(('"', "'")):
            body += str(ast.literal_eval(line)).encode("utf-8", "surrogatepass")
        else:
            piece, _, count = line.partition(" * ")
            body += bytes.fromhex(piece) * int(count or 1)
    return Case(title, known, body, tuple(expected), tuple(source))


def passed(case: Case) -> bytes:
    """Return the bytes of a case as they pass: coded, and cut off where it says so."""
    body = case.body
    again = redoing(case.known.get("coding", "").encode())
    if again is not None:
        body = again.feed(body) + again.finish()
    return body[: len(body) - int(case.known.get("cut", 0))]


def shown(case: Case) -> Rendered:
    """Decode the body of a case."""
    known = case.known
    schema: Schema | None = schema_of([SET]) if "schema" in known else None
    about = About(
        known.get("type", "").encode(),
        path=known.get("path", "").encode(),
        response="response" in known,
        message_encoding=known.get("message-encoding", "").encode(),
    )
    return render(
        passed(case),
        about=about,
        content_encoding=known.get("encoding", known.get("coding", "")).encode(),
        complete="open" not in known,
        decoder=known.get("decoder", ""),
        schema=schema,
    )


def found(case: Case) -> tuple[str, ...]:
    """Return what is seen of a case, as its file writes it."""
    rendered = shown(case)
    notes = [f"~ {note}" for note in rendered.notes]
    error = [f"! {rendered.error}"] if rendered.error else []
    lines = [f"| {line}".rstrip(" ") for line in rendered.lines]
    return (f"= {rendered.kind}", *notes, *error, *lines)


def _write(subject: str) -> None:
    blocks = ["\n".join((f"# {case.title}", *case.source, *found(case))) for case in cases_of(subject)]
    (HERE / f"{subject}.txt").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        _write(name)
