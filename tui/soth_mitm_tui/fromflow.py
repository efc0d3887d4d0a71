"""Rules proposed for what a flow shows: each a form that is filled in, for a person to look over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.export.naming import body_name
from soth_mitm.model.terms import Direction
from soth_mitm.policy.filters.quoting import term_for

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row
    from soth_mitm.record.store import Store
    from soth_mitm.record.view import FlowView

TYPED: Final = 16 * 1024
"""Bytes of a text that stands in the form itself; what is larger, or no text, goes into a file."""
_NOT_MOCKED: Final = frozenset(
    (b"content-length", b"content-encoding", b"transfer-encoding", b"connection", b"keep-alive", b"date",
     b"trailer", b"upgrade", b"proxy-connection", b"alt-svc")
)  # fmt: skip
_MOST_FILES: Final = 1000


class Made(NamedTuple):
    """What stands in the form."""

    texts: dict[str, str]
    saved: Path | None = None
    """Where its body was saved."""


class Proposal(NamedTuple):
    """A kind of rule that a flow can be made into."""

    id: str
    letter: str
    label: str
    action: str
    make: Callable[[Store, int, Row, Path], Awaitable[Made]]


def like(row: Row, *, path: bool = True) -> str:
    """Return an expression for requests like that of a flow, as a breakpoint's is made."""
    where = row.path.partition("?")[0]
    terms = [term_for("method", row.method)] if row.method and path else []
    terms += [term_for("host", row.host)] if row.host else []
    terms += [term_for("path", where)] if path and where and where != "/" else []
    return " ".join(terms)


def why_not(proposal: str, view: FlowView) -> str:
    """Say why a flow cannot be made into such a rule; empty where it can."""
    answer = view.response
    if proposal in ("mock", "map-local") and (answer is None or not answer.status):
        return "There is no response yet"
    if (
        proposal in ("mock", "map-local")
        and answer is not None
        and not answer.complete
        and view.closed is None
    ):
        return "The response is still on its way"
    if proposal == "map-local" and answer is not None and not answer.captured_bytes:
        return "The response has no body that was recorded"
    return ""


async def _mock(store: Store, flow: int, row: Row, folder: Path) -> Made:
    view = await store.view(flow)
    answer = view.response if view is not None else None
    assert answer is not None, "the caller has looked"
    fields = [
        f"{name.decode('latin-1')}: {value.decode('latin-1')}"
        for name, value in answer.fields
        if name.lower() not in _NOT_MOCKED and not name.startswith(b":")
    ]
    trailers = [f"{name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in answer.trailers]
    texts = {"when": like(row), "status": str(answer.status)}
    texts |= {"fields": "\n".join(fields), "trailers": "\n".join(trailers)}
    if not answer.captured_bytes:
        return Made(texts)
    path = await _saved(store, flow, folder)
    text = await asyncio.to_thread(_typed, path)
    if text is None:
        return Made(texts | {"file": str(path)}, path)
    await asyncio.to_thread(path.unlink)
    return Made(texts | {"body": text})


def _typed(path: Path) -> str | None:
    """Return the text of a small file, None where it is large or no text that a form gives back as it is."""
    if path.stat().st_size > TYPED:
        return None
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        return None
    return text if all(char in "\n\t" or char.isprintable() for char in text) else None


async def _saved(store: Store, flow: int, folder: Path) -> Path:
    view = await store.view(flow)
    assert view is not None, "the caller has looked"
    assert view.response is not None, "the caller has looked"
    await asyncio.to_thread(folder.mkdir, 0o700, True, True)
    path = await asyncio.to_thread(_free, folder, body_name(view, view.response, decoded=True))
    await store.save_body(flow, Direction.RESPONSE, path)
    return path


def _free(folder: Path, name: str) -> Path:
    first = folder / name
    for number in range(1, _MOST_FILES):
        path = first if number == 1 else first.with_name(f"{first.stem}-{number}{first.suffix}")
        if not path.exists():
            return path
    raise FileExistsError(17, f"there are {_MOST_FILES} files like it already", str(first))


async def _map_local(store: Store, flow: int, row: Row, folder: Path) -> Made:
    path = await _saved(store, flow, folder)
    return Made({"when": like(row), "path": str(path)}, path)


async def _block(store: Store, flow: int, row: Row, folder: Path) -> Made:
    return Made({"when": like(row, path=False), "name": f"no {row.host}"})


async def _set_field(store: Store, flow: int, row: Row, folder: Path) -> Made:
    return Made({"when": like(row)})


PROPOSALS: Final = (
    Proposal("mock", "m", "mock it with this response", "mock", _mock),
    Proposal("map-local", "l", "map it to a file of this body", "map-local", _map_local),
    Proposal("block", "b", "block this host", "block", _block),
    Proposal("set-field", "s", "set a field of its requests", "set-field", _set_field),
)
"""What a flow can be made into, in the order in which it is offered."""
