"""A mock: the same answer to every request."""

from __future__ import annotations

import asyncio
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING

from soth_mitm.net.serving.inner import Answer

if TYPE_CHECKING:
    from soth_mitm.net.serving.inner import Asked
    from soth_mitm.policy.rules.actions import Mock


class Canned:
    """Answers with what a rule says."""

    early = False

    def __init__(self, name: str, mock: Mock, *, most: int) -> None:
        self.name = name
        self._mock = mock
        self._most = most

    async def has(self, target: bytes) -> bool:
        """See `Answerer`."""
        return True

    async def answer(self, request: Asked) -> Answer:
        """Return the answer; a file is read each time.

        Raises:
            OSError: it cannot be read. ValueError: it is over the budget.
        """
        mock, fields = self._mock, _pairs(self._mock.fields)
        body, kind = mock.body.encode(), "text/plain; charset=utf-8"
        if mock.file:
            body = await asyncio.to_thread(_read, Path(mock.file), self._most)
            kind = mimetypes.guess_type(mock.file)[0] or "application/octet-stream"
        elif mock.body.lstrip()[:1] in ("{", "["):
            kind = "application/json"
        if body and all(name.lower() != b"content-type" for name, _ in fields):
            fields = (*fields, (b"Content-Type", kind.encode()))
        if request.method == b"HEAD":
            return Answer(mock.status, fields, b"", len(body))
        return Answer(mock.status, fields, body, len(body), trailers=_pairs(mock.trailers))


def _pairs(lines: tuple[str, ...]) -> tuple[tuple[bytes, bytes], ...]:
    """Return the fields that lines of a mock name."""
    pairs = (line.partition(":") for line in lines)
    return tuple((name.strip().encode(), value.strip().encode()) for name, _, value in pairs)


def _read(path: Path, most: int) -> bytes:
    with path.expanduser().open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{path} is larger than limits.hook_body_bytes ({most:,}); use map-local")
    return data
