"""A stream of events with its secrets masked: heads, bodies and messages, whole flows at a time.

A flow is held until it ends, so that its bodies can be looked at as a whole, and the lengths that its heads
tell can be made to fit. What is too large for that, or cannot be decoded, leaves without its bytes: a secret
that nobody could look for does not go out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from soth_mitm.decode.charset import Text, charset_of, decode_text
from soth_mitm.decode.coding import undo
from soth_mitm.decode.redoing import redoing
from soth_mitm.export.redact import MASK, command
from soth_mitm.export.redacting_aws import MEDIA_TYPE, masked_stream, wrapped
from soth_mitm.model import events as e
from soth_mitm.model.fields import Fields

if TYPE_CHECKING:
    from soth_mitm.export.masking import Masks

Key = tuple[type[e.Body], str]
"""Which body of a flow: what went on or what was sent, and the direction."""

HELD: Final = 8 * 1024 * 1024
"""Bytes of one flow that are held; of a larger one, bodies and messages are left out."""

HELD_IN_ALL: Final = 96 * 1024 * 1024
"""Bytes of all open flows; beyond, the largest loses its bodies and messages."""

MOST_DECODED: Final = 64 * 1024 * 1024
_OVERHEAD: Final = 200

_LENGTH = re.compile(rb"(?im)^(content-length:[ \t]*)(\d+)(?=[ \t]*\r?$)")
_PART = re.compile(r'(name="([^"]{1,200})"[^\r\n]{0,1000}\r\n(?:[^\r\n]{1,1000}\r\n){0,20}\r\n).*', re.DOTALL)
"""A part of a multipart form, up to its end; the last one may be cut off."""
_PART_END: Final = "\r\n--"
_WITH_DATA = (e.BodyChunk, e.OriginalChunk, e.MessageChunk, e.MessageSeen, e.OriginalMessage)
_HEADS: Final[dict[type[e.Body], tuple[str, ...]]] = {
    e.RequestHead: ("raw", "forwarded"),
    e.ResponseHead: ("raw", "forwarded"),
    e.ResponseInfo: ("raw",),
    e.HandlerActed: ("forwarded",),
    e.MessageChanged: ("forwarded",),
    e.ConnectReceived: ("raw",),
}
_TARGETS: Final[dict[type[e.Body], tuple[str, ...]]] = {e.RequestHead: ("target", "path")}
_TEXTS: Final[dict[type[e.Body], tuple[str, ...]]] = {
    e.MessageChanged: ("detail", "target"),
    e.OriginalMessage: ("note",),
    e.HandlerActed: ("detail",),
    e.HandlerFailed: ("error",),
    e.Noted: ("detail",),
    e.GuardTripped: ("detail",),
    e.Anomaly: ("detail",),
    e.Annotated: ("comment",),
    e.LlmFacts: ("error",),
}


class _Flow:
    """A flow that is open."""

    def __init__(self) -> None:
        self.events: list[e.Event] = []
        self.size = 0
        self.bare = False
        """Its bodies and messages are left out."""
        self.passing = False
        """Not even its events are held any more."""


class Redactor:
    """Masks a stream; every event that is given comes out again, at the end of its flow at the latest."""

    def __init__(self, masks: Masks) -> None:
        self.left_out = 0
        """Bodies and messages that were left out, as they could not be looked through."""
        self._masks = masks
        self._open: dict[int, _Flow] = {}
        self._size = 0

    def __call__(self, event: e.Event) -> Iterator[e.Event]:
        """Take one event; yield those that are ready."""
        body = event.body
        if not event.flow or type(body) is e.Annotated:
            yield self._masked(event)
            return
        flow = self._open.get(event.flow)
        if flow is None:
            flow = self._open[event.flow] = _Flow()
        if flow.passing:
            yield self._masked(_bare(event))
        else:
            yield from self._hold(flow, event)
        if type(body) is e.FlowClosed:
            del self._open[event.flow]
            self._size -= flow.size
            if not flow.passing:
                yield from self._release(flow)

    def finish(self) -> Iterator[e.Event]:
        """Yield what is still open at the end."""
        for number in sorted(self._open):
            flow = self._open.pop(number)
            if not flow.passing:
                yield from self._release(flow)

    def _hold(self, flow: _Flow, event: e.Event) -> Iterator[e.Event]:
        """Hold an event; yield all of the flow where that is too much."""
        size = _OVERHEAD + len(getattr(event.body, "data", b""))
        if flow.bare:
            event, size = _bare(event), _OVERHEAD
        flow.events.append(event)
        flow.size += size
        self._size += size
        if flow.size > HELD:
            flow.passing = flow.bare
            self._strip(flow)
            if flow.passing:
                yield from self._release(flow)
                flow.events = []
        elif self._size > HELD_IN_ALL:
            self._strip(max(self._open.values(), key=lambda each: each.size))

    def _strip(self, flow: _Flow) -> None:
        if not flow.bare:
            self.left_out += 1
        flow.bare = True
        flow.events = [_bare(event) for event in flow.events]
        self._size -= flow.size
        flow.size = _OVERHEAD * len(flow.events)
        self._size += flow.size

    # --- one flow ---------------------------------------------------------------------------------

    def _release(self, flow: _Flow) -> Iterator[e.Event]:
        bodies = {} if flow.bare else self._bodies(flow.events)
        messages: dict[int, bytearray] = {}
        originals: dict[int, list[e.Event]] = {}
        done: set[Key] = set()
        for event in flow.events:
            body = event.body
            if isinstance(body, e.BodyChunk | e.OriginalChunk):
                key: Key = (type(body), str(body.direction))
                changed = bodies.get(key)
                if changed is None:
                    yield event
                elif not changed.new:
                    yield _bare(event)
                elif key not in done:
                    done.add(key)
                    yield from _chunks(event, body, changed.new)
            elif isinstance(body, e.MessageChunk):
                messages.setdefault(body.number, bytearray()).extend(body.data)
            elif isinstance(body, e.OriginalMessage):
                originals.setdefault(body.number, []).append(event)
            elif isinstance(body, e.MessageSeen):
                if body.number in originals:
                    yield from self._original(originals.pop(body.number))
                part = bodies.get((e.BodyChunk, str(body.direction)))
                yield from self._message(event, body, messages.pop(body.number, None), part)
            else:
                yield self._fitted(self._masked(event), bodies)

    def _bodies(self, events: list[e.Event]) -> dict[Key, _Changed]:
        """Return the bodies that are other ones once they are masked."""
        heads: dict[str, tuple[bytes, bytes]] = {}
        joined: dict[Key, bytearray] = {}
        lengths: dict[Key, int] = {}
        for event in events:
            body = event.body
            if isinstance(body, e.RequestHead):
                fields = Fields.of_head(body.forwarded or body.raw)
                heads["request"] = body.content_type, fields.joined(b"content-encoding")
            elif isinstance(body, e.ResponseHead):
                heads["response"] = body.content_type, body.content_encoding
            elif isinstance(body, e.BodyChunk | e.OriginalChunk):
                key: Key = (type(body), str(body.direction))
                joined.setdefault(key, bytearray()).extend(body.data)
                lengths[key] = body.offset + body.length
        changed: dict[Key, _Changed] = {}
        for key, data in joined.items():
            kind, coding = heads.get(key[1], (b"", b""))
            old = bytes(data)
            new = self._body(old, kind, coding)
            if new is None or (new != old and len(old) != lengths[key]):
                self.left_out += 1
                changed[key] = _Changed(lengths[key], b"", old)
            elif new != old:
                changed[key] = _Changed(len(old), new, old)
        return changed

    def _body(self, data: bytes, kind: bytes, coding: bytes) -> bytes | None:
        """Return a body masked; None where it could not be looked through."""
        if not coding.strip() or coding.strip().lower() == b"identity":
            return self._plain(data, kind)
        decoded = undo(data, coding, limit=MOST_DECODED)
        if decoded.truncated:
            return None
        if decoded.error:
            # It has not the coding that its head names, or is damaged, and then holds nobody knows what.
            return self._plain(data, kind) if _text_of(data, kind) is not None else None
        masked = self._plain(decoded.data, kind)
        if masked is None or masked == decoded.data:
            return None if masked is None else data
        try:
            coder = redoing(coding)
        except KeyError:
            return None
        return masked if coder is None else coder.feed(masked) + coder.finish()

    def _plain(self, data: bytes, kind: bytes) -> bytes | None:
        if kind.lower().startswith(MEDIA_TYPE):
            return masked_stream(data, lambda payload: self._plain(payload, b"") or b"")
        found = _text_of(data, kind)
        if found is None:
            return self._masks.binary(data)
        form = kind.lower().startswith(b"application/x-www-form-urlencoded")
        text = self._masks.body(found.text, "form" if form else "")
        if '{"bytes"' in text:
            text = wrapped(text, lambda inner: self._masks.body(inner, ""))
        if kind.lower().startswith(b"multipart/"):
            # Looked for part by part, as each that has no end would be looked through to the end of the body.
            text = _PART_END.join(_PART.sub(self._part, part) for part in text.split(_PART_END))
        return text.encode(found.charset, "replace") if text != found.text else data

    def _part(self, match: re.Match[str]) -> str:
        return f"{match[1]}{MASK}" if self._masks.secret("query", match[2]) else match[0]

    def _original(self, pieces: list[e.Event]) -> Iterator[e.Event]:
        """Yield a message as it came, masked, in place of the pieces of it."""
        bodies = [each.body for each in pieces if isinstance(each.body, e.OriginalMessage)]
        data = b"".join(body.data for body in bodies)
        masked = self._plain(data, b"") or b""
        for number, start in enumerate(range(0, len(masked) or 1, e.CHUNK_LIMIT)):
            told = msgspec.structs.replace(
                bodies[0],
                size=len(masked) if data else bodies[0].size,
                offset=start,
                data=masked[start : start + e.CHUNK_LIMIT],
                note=self._masks.url(bodies[0].note),
            )
            yield msgspec.structs.replace(pieces[min(number, len(pieces) - 1)], body=told)

    def _message(
        self, event: e.Event, body: e.MessageSeen, held: bytearray | None, part: _Changed | None
    ) -> Iterator[e.Event]:
        data = bytes(held) if held is not None else body.data
        if body.offset >= 0:
            if part is None:
                yield event
                return
            data = part.old[body.offset : body.offset + body.size]
        masked = self._plain(data, b"") or b""
        changes: dict[str, Any] = {"offset": -1, "size": len(masked) if data else body.size}
        if body.note:
            changes["note"] = self._masks.url(body.note)
        if len(masked) > e.CHUNK_LIMIT:
            for start in range(0, len(masked), e.CHUNK_LIMIT):
                piece = masked[start : start + e.CHUNK_LIMIT]
                chunk = e.MessageChunk(body.direction, body.number, start, piece)
                yield msgspec.structs.replace(event, body=chunk)
            changes["data"] = b""
        else:
            changes["data"] = masked
        yield msgspec.structs.replace(event, body=msgspec.structs.replace(body, **changes))

    def _fitted(self, event: e.Event, bodies: dict[Key, _Changed]) -> e.Event:
        """Return an event that tells a length of a body with the new one."""
        body = event.body
        direction = "request" if isinstance(body, e.RequestHead | e.RequestEnd) else "response"
        changed = bodies.get((e.BodyChunk, direction))
        if changed is None or not changed.new:
            return event
        if isinstance(body, e.RequestEnd | e.ResponseEnd):
            new = msgspec.structs.replace(body, body_bytes=len(changed.new), wire_bytes=len(changed.new))
            return msgspec.structs.replace(event, body=new)
        if isinstance(body, e.RequestHead | e.ResponseHead):
            length = b"\\g<1>%d" % len(changed.new)
            raw, forwarded = (_LENGTH.sub(length, head) for head in (body.raw, body.forwarded))
            return msgspec.structs.replace(
                event, body=msgspec.structs.replace(body, raw=raw, forwarded=forwarded)
            )
        return event

    # --- one event --------------------------------------------------------------------------------

    def _masked(self, event: e.Event) -> e.Event:
        body = event.body
        kind = type(body)
        changes: dict[str, Any] = {}
        for name in _HEADS.get(kind, ()):
            changes[name] = self.head(getattr(body, name))
        for name in _TARGETS.get(kind, ()):
            changes[name] = _over(self._masks.url, getattr(body, name))
        for name in _TEXTS.get(kind, ()):
            changes[name] = self._masks.url(getattr(body, name))
        if isinstance(body, e.RequestEnd | e.ResponseEnd) and body.trailers:
            changes["trailers"] = self._lines(body.trailers)
        elif isinstance(body, e.ProcessKnown):
            changes["command"] = command(body.command)
        elif isinstance(body, e.TargetGiven) and body.user:
            changes["user"] = MASK
        if not changes:
            return event
        return msgspec.structs.replace(event, body=msgspec.structs.replace(body, **changes))

    def head(self, raw: bytes) -> bytes:
        """Return a head with its target and its fields masked; what is not stays byte by byte."""
        if not raw or raw[:1] == b":":
            return self._lines(raw)
        first, end, rest = raw.partition(b"\n")
        return _over(self._masks.url, first) + end + self._lines(rest)

    def _lines(self, section: bytes) -> bytes:
        return b"\n".join(self._line(line) for line in section.split(b"\n"))

    def _line(self, line: bytes) -> bytes:
        at = line.find(b":", 1)
        if at < 0:
            return line
        name, rest = line[:at], line[at + 1 :]
        value = rest.strip(b" \t\r")
        if not value:
            return line
        masked = _over(lambda text: self._masks.field(name.decode("latin-1"), text), value)
        if masked == value:
            return line
        start = rest.index(value)
        return name + b":" + rest[:start] + masked + rest[start + len(value) :]


class _Changed(msgspec.Struct, frozen=True):
    """A body that is another one now."""

    length: int
    new: bytes
    """Empty where it was left out."""
    old: bytes


def _text_of(data: bytes, kind: bytes) -> Text | None:
    """Return a body as text, where that can be turned back into the very bytes."""
    found = decode_text(data, kind)
    if found.charset == "latin-1" and not charset_of(kind):
        return None
    try:
        return found if found.text.encode(found.charset) == data else None
    except (LookupError, ValueError):
        return None


def _over(mask: Any, value: bytes) -> bytes:  # noqa: ANN401 - a function of texts
    text = value.decode("latin-1")
    masked: str = mask(text)
    return masked.encode("latin-1") if masked != text else value


def _bare(event: e.Event) -> e.Event:
    body = event.body
    if isinstance(body, _WITH_DATA) and body.data:
        if isinstance(body, e.MessageSeen):
            return msgspec.structs.replace(event, body=msgspec.structs.replace(body, data=b"", cut=True))
        return msgspec.structs.replace(event, body=msgspec.structs.replace(body, data=b""))
    return event


def _chunks(event: e.Event, body: e.BodyChunk | e.OriginalChunk, data: bytes) -> Iterator[e.Event]:
    """Yield a whole body in the place of its first chunk."""
    for start in range(0, len(data), e.CHUNK_LIMIT):
        piece = data[start : start + e.CHUNK_LIMIT]
        new = type(body)(body.direction, start, len(piece), piece)
        yield msgspec.structs.replace(event, body=new)
