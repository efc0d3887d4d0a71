"""A form of parts (RFC 7578), as curl writes it: pure, so that the same parts give the same bytes."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

_SETTING = re.compile(rb";\s*(type|filename|encoder|headers)=((?:\"(?:[^\"\\]|\\.)*\")|[^;]*)")


class Part(NamedTuple):
    """One part."""

    name: bytes
    value: bytes
    content_type: bytes = b""
    filename: bytes = b""

    @classmethod
    def of(cls, name: bytes, value: bytes, *, literal: bool) -> Part:
        """Read what stands behind -F, or behind --form-string where it is `literal`."""
        if literal:
            return cls(name, value)
        if value[:1] == b'"':
            quoted = re.match(rb'"((?:[^"\\]|\\.)*)"', value)
            if quoted is not None:
                settings = dict(_SETTING.findall(value[quoted.end() :]))
                return cls._with(name, re.sub(rb"\\(.)", rb"\1", quoted[1]), settings)
        first = _SETTING.search(value)
        if first is None:
            return cls(name, value)
        return cls._with(name, value[: first.start()], dict(_SETTING.findall(value)))

    @classmethod
    def _with(cls, name: bytes, value: bytes, settings: dict[bytes, bytes]) -> Part:
        return cls(
            name, value, settings.get(b"type", b"").strip(), settings.get(b"filename", b"").strip(b'" ')
        )


def multipart(parts: list[Part]) -> tuple[bytes, bytes]:
    """Return the boundary and the body."""
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()
    boundary = b"------------------------" + digest[:22].encode()
    lines: list[bytes] = []
    for part in parts:
        said = b'form-data; name="%b"' % _escaped(part.name)
        if part.filename:
            said += b'; filename="%b"' % _escaped(part.filename)
        lines += [b"--" + boundary, b"Content-Disposition: " + said]
        if part.content_type:
            lines.append(b"Content-Type: " + part.content_type)
        lines += [b"", part.value]
    return boundary, b"\r\n".join([*lines, b"--" + boundary + b"--", b""])


def _escaped(value: bytes) -> bytes:
    return value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
