"""A message on a person's desk: one draft in parts, which every view of an editor reads and changes.

What cannot be read yet, such as a status in letters, is kept as it was typed, with what is wrong with
it: no view loses what another one holds. Nothing here does I/O; `finished` may take some milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from soth_mitm.decode.about import About
from soth_mitm.policy.editing.binary.codec import format_of
from soth_mitm.policy.editing.checks import Fault, faults
from soth_mitm.policy.editing.coded import Content, content, recoded
from soth_mitm.policy.editing.draft import Draft, FieldLine, MessageDraft, RequestDraft, ResponseDraft
from soth_mitm.policy.editing.escapes import escaped, unescaped
from soth_mitm.policy.editing.framing import FRAMING, consistent
from soth_mitm.policy.editing.wording import Worded, worded

STEPS: Final = 200
"""Changes that can be taken back one by one."""

_PLACE: Final = re.compile(r"(https?)://(\[[0-9A-Fa-f:.%]+\]|[^\s/?#@:\[\]]+)(?::([0-9]{1,5}))?/?")
_PORTS: Final = {"https": 443, "http": 80}
_HttpDraft = TypeVar("_HttpDraft", RequestDraft, ResponseDraft)

_NO_PLACE: Final = "is no address: it reads https://host or http://host:port"


class Parts(msgspec.Struct, frozen=True):
    """Everything that can be changed."""

    method: str = ""
    """In escapes, as the target and the reason."""
    place: str = ""
    """Where a request goes: `https://host:port`."""
    target: str = ""
    status: str = ""
    reason: str = ""
    fields: tuple[FieldLine, ...] = ()
    data: bytes = b""
    """The body without its codings, as far as they could be undone; the data of a message."""
    label: str = ""
    note: str = ""
    as_typed: bool = False
    trouble: tuple[tuple[str, str], ...] = ()
    """What a view holds that is no part of a message yet: the view's name, and what is wrong."""
    typed: str = ""
    """The text of a body that means no bytes yet."""


class Finished(msgspec.Struct, frozen=True):
    """A draft that can be sent, and what else followed from the edit."""

    draft: Draft
    note: str = ""


class Sheet:
    """The parts of a draft, with their history."""

    def __init__(
        self,
        draft: Draft,
        *,
        original: Draft | None = None,
        most: int = 8 * 1024 * 1024,
        about: About | None = None,
    ) -> None:
        """Take a draft; `original` is what it was made of, where it has been edited before.

        `most` bytes of a coded body are decoded, at most; `about` is what is known of the message besides.
        """
        self._about = About() if about is None else about
        self.original: Draft = draft if original is None else original
        """What the edit is compared with, and what `undo` goes back to."""
        self.kept = draft
        """The draft as it was when the sheet was made."""
        self._was = Content(b"")
        self.revision = 0
        """Another number after each change."""
        self.by = ""
        """Which view made the last change."""
        self._before: list[Parts] = []
        self._same = ""
        self._read: tuple[bytes, bytes, Worded | None] | None = None
        self._format: tuple[bytes, str] | None = None
        if not isinstance(self.original, MessageDraft):
            self._was = content(self.original, most=most)
        self.first = _parts(self.original, self._was.data)
        """The parts of the original."""
        data = self._data_of(draft, most)
        self.parts = self.first if draft == self.original else _parts(draft, data)

    def _data_of(self, draft: Draft, most: int) -> bytes:
        if isinstance(draft, MessageDraft) or isinstance(self.original, MessageDraft):
            return b""
        if draft.body == self.original.body:
            return self._was.data
        if self._was.why or draft.as_typed:
            return draft.body or b""
        return content(draft, most=most).data

    # --- what it is

    @property
    def is_request(self) -> bool:
        """Whether it is a request."""
        return isinstance(self.original, RequestDraft)

    @property
    def is_response(self) -> bool:
        """Whether it is a response."""
        return isinstance(self.original, ResponseDraft)

    @property
    def is_message(self) -> bool:
        """Whether it is a message within a stream."""
        return isinstance(self.original, MessageDraft)

    @property
    def is_event(self) -> bool:
        """Whether it is a server-sent event, which has a type and an id."""
        return isinstance(self.original, MessageDraft) and self.original.form == "sse"

    @property
    def has_body(self) -> bool:
        """Whether there is a body to edit; False where it streams on."""
        return isinstance(self.original, MessageDraft) or self.original.body is not None

    @property
    def version(self) -> str:
        """The version that is spoken with the peer."""
        return "" if isinstance(self.original, MessageDraft) else self.original.version

    @property
    def codings(self) -> tuple[str, ...]:
        """Codings that were undone to edit the body; the one applied last comes first."""
        return self._was.codings

    @property
    def coded_because(self) -> str:
        """Why the body is edited with its codings; empty where there are none, or they were undone."""
        return self._was.why

    @property
    def edited(self) -> bool:
        """Whether anything is not as in the original."""
        return self.parts != self.first

    @property
    def changed(self) -> bool:
        """Whether anything was changed since the sheet was made."""
        return bool(self._before)

    def field(self, name: bytes) -> bytes:
        """Return the value of the first field of this name; empty where there is none."""
        return next((value for key, value in self.parts.fields if key.lower() == name), b"")

    @property
    def content_type(self) -> bytes:
        """The type of the body; empty where nothing says it."""
        return self.field(b"content-type")

    @property
    def about(self) -> About:
        """What is known of the body besides its bytes."""
        about = self._about
        if isinstance(self.original, MessageDraft):
            return about
        coding = self.field(b"grpc-encoding") or self.field(b"connect-content-encoding")
        path = self.original.target if isinstance(self.original, RequestDraft) else about.path
        return about._replace(content_type=self.content_type, path=path, message_encoding=coding)

    @property
    def binary(self) -> str:
        """The binary format that the body came in and is edited as a text of; empty where it is none."""
        if self._format is None or self._format[0] != self.content_type:
            self._format = self.content_type, format_of(self.first.data, self.about)
        return self._format[1]

    @property
    def text(self) -> Worded | None:
        """The body as text; None where it is none. Read once for each body and type."""
        if self.binary:
            return None
        data, named = self.parts.data, self.content_type
        if self._read is None or self._read[0] is not data or self._read[1] != named:
            self._read = data, named, worded(data, named)
        return self._read[2]

    @property
    def same_framing(self) -> bool:
        """Whether the fields that say how the body is framed and coded are as in the original."""
        framing = (*FRAMING, b"content-encoding")
        now, was = ([each for each in fields if each[0].lower() in framing] for fields in self._both)
        return now == was

    @property
    def _both(self) -> tuple[tuple[FieldLine, ...], tuple[FieldLine, ...]]:
        return self.parts.fields, self.first.fields

    # --- changes

    def change(self, by: str, *, same: str = "", **parts: object) -> bool:
        """Change parts; return whether that changed anything.

        Args:
            by: The view that does it.
            same: Changes of the same name, one after the other, are one step back.
            parts: What is other now, by the names of `Parts`.
        """
        made = msgspec.structs.replace(self.parts, **parts)
        if made.data != self.parts.data:
            # What was typed before, and meant no bytes, gives way to these.
            trouble = tuple(each for each in made.trouble if each[0] != "Body")
            made = msgspec.structs.replace(made, typed="", trouble=trouble)
        if made == self.parts:
            return False
        if not same or same != self._same:
            self._before.append(self.parts)
            del self._before[:-STEPS]
        self._take(made, by, same)
        return True

    def step_back(self) -> bool:
        """Take the last step back; False where there is none."""
        if not self._before:
            return False
        self._take(self._before.pop(), "undo", "")
        return True

    def undo(self) -> bool:
        """Make everything as it was in the original, as one step; False where it is so."""
        if not self.edited:
            return False
        self._before.append(self.parts)
        self._take(self.first, "undo", "")
        return True

    def trouble(self, view: str, words: str) -> None:
        """Say what is wrong with what a view holds; without words nothing is, any more."""
        others = tuple(each for each in self.parts.trouble if each[0] != view)
        made = (*others, (view, words)) if words else others
        if made != self.parts.trouble:
            self._take(msgspec.structs.replace(self.parts, trouble=made), self.by, self._same)

    def hold(self, view: str, typed: str, words: str) -> None:
        """Keep the text of a body that means no bytes yet, with what is wrong with it."""
        others = tuple(each for each in self.parts.trouble if each[0] != view)
        made = msgspec.structs.replace(self.parts, typed=typed, trouble=(*others, (view, words)))
        if not self.parts.typed:
            self._before.append(self.parts)
            del self._before[:-STEPS]
        if made != self.parts:
            self._take(made, view, f"{view}.typed")

    def _take(self, parts: Parts, by: str, same: str) -> None:
        self.parts, self.by, self._same = parts, by, same
        self.revision += 1

    # --- what comes of it

    def faults(self) -> tuple[Fault, ...]:
        """Return all that keeps it from being sent, in the order of the message."""
        found: list[Fault] = []
        if self.is_request and address(self.parts.place) is None:
            found.append(Fault("place", _NO_PLACE))
        if self.is_response and status_of(self.parts.status) is None:
            found.append(Fault("status", "is no number: it is from 200 to 599"))
        found += [each for each in faults(self._head(), original=self.original) if not _twice(each, found)]
        return (*found, *(Fault(view, words) for view, words in self.parts.trouble))

    def _head(self) -> Draft:
        """Return the draft with the original's body: what `finishing` puts the edited one into."""
        made, parts = self.original, self.parts
        if isinstance(made, MessageDraft):
            return msgspec.structs.replace(made, label=parts.label, note=parts.note)
        common = {"fields": parts.fields, "as_typed": parts.as_typed}
        if isinstance(made, RequestDraft):
            scheme, host, port = address(parts.place) or (made.scheme, made.host, made.port)
            method, target = unescaped(parts.method), unescaped(parts.target)
            return msgspec.structs.replace(
                made, scheme=scheme, host=host, port=port, method=method, target=target, **common
            )
        status = status_of(parts.status)
        return msgspec.structs.replace(
            made, status=made.status if status is None else status, reason=unescaped(parts.reason), **common
        )

    def finishing(self) -> Callable[[], Finished]:
        """Return what makes the draft that can be sent. It can be pickled, and called in a process."""
        return _Finishing(self.original, self._head(), self.parts.data, self._was, self.has_body)


class _Finishing(msgspec.Struct, frozen=True):
    original: Draft
    head: Draft
    data: bytes
    was: Content
    has_body: bool

    def __call__(self) -> Finished:
        if isinstance(self.head, MessageDraft):
            return Finished(msgspec.structs.replace(self.head, data=self.data))
        if isinstance(self.head, RequestDraft) and isinstance(self.original, RequestDraft):
            return _finished(self.original, self.head, self)
        assert isinstance(self.head, ResponseDraft)
        assert isinstance(self.original, ResponseDraft)
        return _finished(self.original, self.head, self)


def _finished(original: _HttpDraft, head: _HttpDraft, made: _Finishing) -> Finished:
    note = ""
    if made.has_body:
        done = recoded(original, head, made.data, was=made.was)
        head, note = msgspec.structs.replace(head, body=done.body, fields=done.fields), done.note
    return Finished(consistent(original, head), note)


def _parts(draft: Draft, data: bytes) -> Parts:
    if isinstance(draft, MessageDraft):
        return Parts(data=draft.data, label=draft.label, note=draft.note)
    if isinstance(draft, RequestDraft):
        return Parts(
            method=escaped(draft.method),
            place=place_of(draft.scheme, draft.host, draft.port),
            target=escaped(draft.target),
            fields=draft.fields,
            data=data,
            as_typed=draft.as_typed,
        )
    return Parts(
        status=str(draft.status),
        reason=escaped(draft.reason),
        fields=draft.fields,
        data=data,
        as_typed=draft.as_typed,
    )


def place_of(scheme: str, host: str, port: int) -> str:
    """Return where a request goes as one text; the port is left out where it is the usual one."""
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{scheme}://{shown}" + ("" if _PORTS.get(scheme) == port else f":{port}")


def address(place: str) -> tuple[str, str, int] | None:
    """Read scheme, host and port; None where it is no such text."""
    match = _PLACE.fullmatch(place.strip())
    if match is None:
        return None
    port = int(match[3]) if match[3] else _PORTS[match[1]]
    return (match[1], match[2].strip("[]"), port) if 0 < port < 65536 else None


def status_of(text: str) -> int | None:
    """Read a status; None where it is no number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else None


def _twice(fault: Fault, found: list[Fault]) -> bool:
    return any(each.place == fault.place and not fault.field for each in found)
