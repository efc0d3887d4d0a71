"""docs/events.md names every kind and every field, and its examples are events."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from soth_mitm.model.events import (
    BODIES,
    TERMINAL,
    Annotated,
    Body,
    Direction,
    Event,
    FlowKind,
    MessageForm,
    Side,
    kind_name,
)
from soth_mitm.model.reasons import CloseReason
from soth_mitm.model.tls import TlsFailure

DOC = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
SECTIONS = {
    int(number, 16): (name, text)
    for name, number, text in re.findall(
        r"^### `(\w+)` · (0x\w{4})\n(.*?)(?=^##|\Z)", DOC, re.MULTILINE | re.DOTALL
    )
}
TYPES = {
    "tuple[str, ...]": "list of str",
    "tuple[bytes, ...]": "list of bytes",
    "int | None": "int or null",
    "bool | None": "bool or null",
}
kinds = pytest.mark.parametrize("kind", sorted(BODIES), ids=kind_name)


def rows_of(text: str) -> list[tuple[str, str, str, str]]:
    return re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)


def type_name(kind: Any) -> str:  # noqa: ANN401 - whatever stands in an annotation
    if kind in (Side, Direction, FlowKind, MessageForm) or "Literal" in str(kind):
        return "str"
    if kind is TlsFailure:
        return "map"
    name = kind.__name__ if isinstance(kind, type) else str(kind)
    return TYPES.get(name, name)


def default_of(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    if isinstance(field.default, (str, bytes, tuple)) and not field.default:
        return "empty"
    if field.default is None or isinstance(field.default, bool):
        return msgspec.json.encode(field.default).decode()
    return str(field.default)


def expected_rows(kind: type[msgspec.Struct]) -> list[tuple[str, str, str]]:
    return [(each.name, type_name(each.type), default_of(each)) for each in msgspec.structs.fields(kind)]


def example_of(kind: int) -> dict[str, Any]:
    (example,) = re.findall(r"```json\n(.*?)```", SECTIONS[kind][1], re.DOTALL)
    envelope: dict[str, Any] = msgspec.json.decode(example)
    return envelope


def test_every_kind_has_its_section_and_no_section_is_of_a_kind_that_does_not_exist() -> None:
    assert {kind: name for kind, (name, _) in SECTIONS.items()} == {kind: kind_name(kind) for kind in BODIES}
    assert list(SECTIONS) == sorted(BODIES)


@kinds
def test_a_section_says_what_the_event_means_and_whether_it_ends_something(kind: int) -> None:
    body = BODIES[kind]
    said = " ".join(SECTIONS[kind][1].split("\n| Field", 1)[0].split())
    assert body.__doc__
    assert said.removesuffix(" **Terminal.**") == " ".join(body.__doc__.split())
    assert said.endswith("**Terminal.**") == (body in TERMINAL)


@kinds
def test_a_section_has_every_field_with_type_default_and_meaning(kind: int) -> None:
    rows = rows_of(SECTIONS[kind][1])
    assert [row[:3] for row in rows] == expected_rows(BODIES[kind])
    assert all(meaning.strip() for *_, meaning in rows)


@kinds
def test_an_example_is_a_whole_event_of_its_kind(kind: int) -> None:
    envelope = example_of(kind)
    assert list(envelope) == [*Event.__struct_fields__[:-1], "kind", "body"]
    assert envelope["kind"] == kind_name(kind)
    body: Body = msgspec.convert(envelope["body"], BODIES[kind])
    everything = {name: getattr(body, name) for name in body.__struct_fields__}
    assert envelope["body"] == msgspec.json.decode(msgspec.json.encode(everything))
    by_a_person = BODIES[kind] is Annotated
    assert bool(envelope["conn"]) == (kind >= 0x0200 and not by_a_person)
    assert envelope["flow"] > 0 or kind < 0x0300
    assert bool(envelope["flow_seq"]) == bool(envelope["flow"] and not by_a_person)


def test_the_envelope_is_described() -> None:
    part = DOC.split("\n## Envelope\n")[1].split("\n## ")[0]
    names = re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
    assert names == [*Event.__struct_fields__[:-1], "kind", "body"]


def test_a_tls_failure_is_described() -> None:
    part = DOC.split("\n## TLS failure\n")[1].split("\n## ")[0]
    assert [row[:3] for row in rows_of(part)] == expected_rows(TlsFailure)


def test_every_close_reason_is_described() -> None:
    part = DOC.split("\n## Close reasons\n")[1]
    assert re.findall(r"^\| `(\w+)` \| \S", part, re.MULTILINE) == list(CloseReason)


def test_links_within_the_page_lead_somewhere() -> None:
    anchors = {title.lower().replace(" ", "-") for title in re.findall(r"^## (.+)$", DOC, re.MULTILINE)}
    assert set(re.findall(r"\(#([\w-]+)\)", DOC)) <= anchors
    for page in set(re.findall(r"\((\w[\w-]*\.md)\)", DOC)):
        assert (Path(__file__).parents[2] / "docs" / page).is_file()
