"""Readers of one direction of an HTTP/1.1 connection: bytes in, heads, bodies and ends out.

The wire bytes of the items, in order, are the input (leading empty lines of a message excepted), and how
the input was cut into pieces changes nothing but the number of `Body` items. Held at any time: less than
one head, one chunk-size line or one trailer section. What follows the end of a message is kept whole
until the next one is asked for, so a caller must stop reading from its peer while `buffered` is not 0.
"""

from __future__ import annotations

import enum
import re
from typing import Final

from soth_mitm.proto.http1 import explain, grammar, head
from soth_mitm.proto.http1.body import BodyReader, ChunkedBody, CloseBody, LengthBody
from soth_mitm.proto.http1.judge import Judge, Tolerance, refusal
from soth_mitm.proto.http1.messages import (
    NO_FRAMING_LEFT,
    Framing,
    Http1Error,
    Item,
    RequestHead,
    ResponseHead,
    shown,
)

DEFAULT_MAX_HEAD = 64 * 1024
"Largest head, and largest trailer section, in bytes."


class _State(enum.Enum):
    WAITING = enum.auto()
    "A response reader that has not been told of a request."
    HEAD = enum.auto()
    BODY = enum.auto()
    DONE = enum.auto()
    "After an end; what came behind it is kept."
    FAILED = enum.auto()
    RELEASED = enum.auto()


_SETTINGS: Final = re.compile(rb"\x00\x00.\x04\x00{5}", re.DOTALL)
"""How the first frame of HTTP/2 begins (RFC 9113 section 6.5)."""

# Each look at a member through its class takes Python 3.11 as long as a call.
_WAITING: Final = _State.WAITING
_HEAD: Final = _State.HEAD
_BODY: Final = _State.BODY
_DONE: Final = _State.DONE
_FAILED: Final = _State.FAILED
_RELEASED: Final = _State.RELEASED
_NONE: Final = Framing.NONE
_LENGTH: Final = Framing.LENGTH
_CHUNKED: Final = Framing.CHUNKED
_UPGRADE: Final = Framing.UPGRADE
_LINE_ENDS: Final = (b"\r", b"\n")


class _Reader:
    """What both directions share: the buffer, the states, the way from a head to its body."""

    _of_request: bool

    def __init__(self, *, max_head: int, tolerance: Tolerance, state: _State) -> None:
        self._max_head = max_head
        self._tolerance = tolerance
        self._state = state
        self.held = b""
        "Bytes kept: part of a head or of chunk framing, or what follows an end."
        self._scanned = 0
        self._skipped = 0
        self._yielded = 0
        self._body: BodyReader | None = None
        self._error: Http1Error | None = None
        self.data_received = 0
        "Bytes received in all."
        self.messages = 0
        "Messages read to their end."

    @property
    def buffered(self) -> int:
        """How many bytes are kept; whether any are, `held` says in less time."""
        return len(self.held)

    @property
    def idle(self) -> bool:
        """Whether the reader is between messages and keeps nothing."""
        return not self.held and not self.message_open

    @property
    def message_open(self) -> bool:
        """Whether a message has begun and has not ended."""
        return self._state is _BODY or (self._state in (_HEAD, _FAILED) and bool(self.held))

    @property
    def open_chunk(self) -> tuple[int, int]:
        """What is missing of the chunk that is open: payload, and bytes with its line end.

        A chunk of somebody else's may follow what was yielded once that has come.
        """
        return (0, 0) if self._body is None else self._body.open_chunk

    def receive(self, data: bytes) -> list[Item]:
        """Take bytes from the peer and return what they complete, up to the end of one message.

        Raises `Http1Error` for a message that must not be relayed, and again at each later call.
        """
        self.data_received += len(data)
        if self.held:
            data = self.held + data
        if self._state is _HEAD or self._state is _BODY:
            return self._run(data)
        if self._error is not None:
            raise self._again(self._error)
        if self._state is _RELEASED:
            raise RuntimeError("the reader has handed over its bytes; nothing is read any more")
        self.held = data
        return []

    def eof(self) -> list[Item]:
        """Take note that the peer will send no more.

        Returns the end of a body that ends so; raises `Http1Error` where a message is incomplete.
        """
        if self._error is not None:
            raise self._again(self._error)
        if self._state is _BODY and self._body is not None:
            if not self._body.ends_by_close:
                raise self._fail("eof_in_body", f"{len(self.held)} bytes of framing were pending")
            self._finish()
            return [NO_FRAMING_LEFT]
        if self._state is _HEAD and _SETTINGS.match(self.held):
            raise self._fail("answered_in_http2", shown(self.held))
        if self._state is _HEAD and self.held:
            raise self._fail("eof_in_head", f"after {len(self.held)} bytes: {shown(self.held)}")
        return []

    def release(self) -> bytes:
        """Hand over the bytes kept, for a tunnel or another protocol; the reader is finished.

        After the refusal of a head these are the refused bytes.
        """
        held, self.held = self.held, b""
        self._state = _RELEASED
        self._body = None
        return held

    def _run(self, data: bytes) -> list[Item]:
        out: list[Item] = []
        pos = self._yielded = 0
        try:
            if self._state is _HEAD:
                pos = self._read_heads(data, out)
            if self._body is not None:
                pos = self._body.feed(data, pos, out)
                if self._body.done:
                    self._finish()
        except Http1Error as error:
            self._error = error
            self._state = _FAILED
            self.held = b"" if self._body else data[self._yielded :]
            error.items = out
            raise
        self.held = data[pos:]
        return out

    def _read_heads(self, data: bytes, out: list[Item]) -> int:
        raise NotImplementedError

    def _skip_empty_lines(self, data: bytes, pos: int) -> int:
        """Step over empty lines before a message (RFC 9112 section 2.2)."""
        strict = self._tolerance is Tolerance.STRICT
        match = (grammar.EMPTY_LINES if strict else grammar.EMPTY_LINES_LOOSE).match(data, pos)
        if match is not None:
            self._skipped += match.end() - pos
            if self._skipped > self._max_head:
                detail = f"more than {self._max_head} bytes of empty lines before a message"
                raise refusal("header_too_large", detail, of_request=self._of_request)
            pos = match.end()
        return pos

    def _head_end(self, data: bytes, pos: int) -> int:
        """Return where the head at `pos` ends, or 0 where that is not here yet."""
        match = grammar.HEAD_END.search(data, pos + self._scanned)
        size = (match.end() if match else len(data) + 1) - pos
        if size > self._max_head:
            raise self._too_large(data[pos:])
        if match is None:
            self._scanned = max(0, len(data) - pos - 2)
            return 0
        return match.end()

    def _flags(self) -> tuple[str, ...]:
        return ("leading_empty_line",) if self._skipped else ()

    def _open_body(self, framing: Framing, length: int | None, out: list[Item]) -> None:
        self._scanned = self._skipped = 0
        self._state = _BODY
        if framing is _NONE:
            out.append(NO_FRAMING_LEFT)
            self._finish()
        elif framing is _LENGTH:
            self._body = LengthBody(length or 0)
        elif framing is _CHUNKED:
            self._body = ChunkedBody(Judge(self._tolerance), max_trailers=self._max_head)
        else:
            self._body = CloseBody()

    def _finish(self) -> None:
        self._state = _DONE
        self._body = None
        self.messages += 1

    def _too_large(self, head_bytes: bytes) -> Http1Error:
        detail = f"no end of the head within {self._max_head} bytes: {shown(head_bytes)}"
        return refusal("header_too_large", detail, of_request=self._of_request)

    def _again(self, error: Http1Error) -> Http1Error:
        """Make the error of an earlier call anew, without the items that call had."""
        return Http1Error(error.code, error.detail, status=error.status)

    def _fail(self, code: str, detail: str) -> Http1Error:
        self._error = refusal(code, detail, of_request=self._of_request)
        self._state = _FAILED
        return self._error


class RequestReader(_Reader):
    """Read requests; strict unless `lenient`, which lets everything but ambiguous framing through."""

    _of_request = True

    def __init__(self, *, max_head: int = DEFAULT_MAX_HEAD, lenient: bool = False) -> None:
        tolerance = Tolerance.LENIENT if lenient else Tolerance.STRICT
        super().__init__(max_head=max_head, tolerance=tolerance, state=_HEAD)

    def next_message(self) -> list[Item]:
        """Begin the next message with what was kept; only after an end."""
        if self._state is not _DONE:
            raise RuntimeError("next_message before the end of a message")
        self._state = _HEAD
        return self._run(self.held) if self.held else []

    def _read_heads(self, data: bytes, out: list[Item]) -> int:
        pos = self._skip_empty_lines(data, 0) if data[:1] in _LINE_ENDS else 0
        result = None if self._scanned or self._skipped else head.request(data, pos)
        if result is None or len(result.raw) > self._max_head:
            result = self._read_slowly(data, pos)
            if result is None:
                return pos
        out.append(result)
        self._open_body(result.framing, result.length, out)
        return pos + len(result.raw)

    def _read_slowly(self, data: bytes, pos: int) -> RequestHead | None:
        if self._tolerance is Tolerance.STRICT:
            self._refuse_stray_line_end(data, pos)
        end = self._head_end(data, pos)
        if not end:
            return None
        result = None if self._skipped else head.request(data, pos)
        lenient = self._tolerance is Tolerance.LENIENT
        return result or explain.request(data[pos:end], lenient=lenient, flags=self._flags())

    def _refuse_stray_line_end(self, data: bytes, pos: int) -> None:
        """Refuse a lone CR or LF where a request line should begin."""
        first = data[pos : pos + 2]
        if first[:1] == b"\n":
            raise refusal("bare_lf", "a bare line feed before the request line", of_request=True)
        if first[:1] == b"\r" and len(first) == 2:
            raise refusal("bare_cr", "a bare carriage return before the request line", of_request=True)


class ResponseReader(_Reader):
    """Read responses; each needs the method of its request first.

    Whatever the origin sends passes and is flagged, but for ambiguous framing. `lenient` also takes a
    foreign status line (`ICY 200 OK`, another version) for HTTP/1.0.
    """

    _of_request = False

    def __init__(self, *, max_head: int = DEFAULT_MAX_HEAD, lenient: bool = False) -> None:
        tolerance = Tolerance.LENIENT_RESPONSE if lenient else Tolerance.RESPONSE
        super().__init__(max_head=max_head, tolerance=tolerance, state=_WAITING)
        self._method = b""
        self._interim = 0

    @property
    def expecting(self) -> bool:
        """Whether a response has been announced by `begin` and has not ended."""
        return self._state in (_HEAD, _BODY)

    def begin(self, method: bytes) -> None:
        """Announce the response to a request with `method`; bytes already kept wait for `next_message`."""
        if self._state not in (_DONE, _WAITING):
            raise RuntimeError("begin before the end of the response before it")
        self._method = method
        self._interim = 0
        self._state = _HEAD

    def next_message(self) -> list[Item]:
        """Read the announced response from what was kept; only after `begin`."""
        if self._state is not _HEAD:
            raise RuntimeError("next_message without begin")
        return self._run(self.held) if self.held else []

    def eof(self) -> list[Item]:
        """Take note of the end; one before any byte of an announced response has its own code."""
        if self._state is _HEAD and not self.held:
            detail = "after interim responses" if self._interim else "not one byte of an answer had come"
            raise self._fail("eof_before_head", detail)
        return super().eof()

    def _read_heads(self, data: bytes, out: list[Item]) -> int:
        pos = 0
        while True:
            if data[pos : pos + 1] in _LINE_ENDS:
                pos = self._skip_empty_lines(data, pos)
            result = self._read_head(data, pos)
            if result is None:
                return pos
            pos += len(result.raw)
            if result.status >= 200 or result.framing is _UPGRADE:
                out.append(result)
                self._open_body(result.framing, result.length, out)
                return pos
            self._interim += len(result.raw)
            if self._interim > self._max_head:
                detail = f"interim responses of more than {self._max_head} bytes in all"
                raise refusal("too_many_interim", detail, of_request=False)
            out.append(result)
            self._yielded = pos
            self._scanned = self._skipped = 0

    def _read_head(self, data: bytes, pos: int) -> ResponseHead | None:
        if not self._scanned and not self._skipped:
            result = head.response(data, pos, self._method)
            if result is not None and len(result.raw) <= self._max_head:
                return result
        end = self._head_end(data, pos)
        if not end:
            return None
        result = None if self._skipped else head.response(data, pos, self._method)
        lenient = self._tolerance is Tolerance.LENIENT_RESPONSE
        return result or explain.response(data[pos:end], self._method, lenient=lenient, flags=self._flags())
