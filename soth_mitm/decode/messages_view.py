"""Streams of messages as bodies: each message under a heading, or one after the other, laid out by itself.

Finding them is the work of the splitters in `proto`, which the proxy tells messages by as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from soth_mitm.decode import nested
from soth_mitm.decode.about import About, message_type
from soth_mitm.decode.outline import Outline
from soth_mitm.decode.undoing import CodingError, undoing
from soth_mitm.decode.views import NotThis, Stepped
from soth_mitm.model.terms import MessageForm
from soth_mitm.proto.grpc import COMPRESSED, MESSAGE, TRAILERS
from soth_mitm.proto.splitting import Found, Item, Part, SplitError
from soth_mitm.proto.streams import Stream, splitter_of
from soth_mitm.text import human_size, printable

if TYPE_CHECKING:
    from soth_mitm.decode.registry import Given

_WORDS: Final = {MessageForm.SSE: "event", MessageForm.GRPC: "message", MessageForm.AWS: "event"}
"""What a message is called in its heading; those of other forms have none."""


class MessagesView(Stepped):
    """A `View` of a body that is a stream of messages."""

    def __init__(self, given: Given, stream: Stream) -> None:
        super().__init__()
        self._given = given
        self._stream = stream
        self._outline = Outline(many=True)
        self.folds = self._outline.folds
        self._splitter = splitter_of(stream, given.about.content_type, keep=True)
        self._payload = nested.Kept()
        self._count = 0
        self._over = False
        self._fed = 0

    def work(self, data: bytes, *, final: bool) -> Iterator[str]:
        """See `Stepped`."""
        self._fed += len(data)
        try:
            if not self._over:
                for item in self._items(data, final=final):
                    for _ in self._take(item):
                        yield ""
                    yield self._outline.take()
        except SplitError as error:
            self._broken(error)
        if final and not self.error:
            self._end()
        if final:
            self._outline.finish()
        yield self._outline.take()

    def _items(self, data: bytes, *, final: bool) -> Iterator[Item]:
        yield from self._splitter.feed(data)
        if final:
            yield from self._splitter.finish()

    def _broken(self, error: SplitError) -> None:
        at = self._splitter.begun
        if not self._count:
            raise NotThis(f"not {_name(self._stream)}: {error.detail}")
        self._over = True
        if error.code.startswith("truncated"):
            self.error = f"not complete: {error.detail}"
        else:
            behind = f"from byte {at:,} on" if at else "any more"
            self.error = f"not {_name(self._stream)} {behind}: {error.detail}"
        place = f"byte {at:,}: " if at else ""
        self._outline.say(f"# {place}{error.detail}; what follows is not shown, hex has all of it")

    def _end(self) -> None:
        left = self._fed - self._splitter.begun
        if left > 0 and self._stream.form == MessageForm.SSE:
            self._outline.say(f"# the last {left:,} bytes are no whole event, which clients pass over")
        elif not self._count:
            self._outline.say("# no message")

    def rest(self) -> Iterator[str]:
        """See `Stepped`."""
        at = self._splitter.begun
        # Base64 says of no message where it begins, so that what is unfinished is not known.
        if at < self._fed and not self._over and (at or not self._count):
            self._outline.say(f"# what was recorded ends here, in a message that begins at byte {at:,}")
        self._outline.finish()
        yield self._outline.take()

    def _take(self, item: Item) -> Iterator[None]:
        self._payload.add(item.data)
        if isinstance(item, Part):
            return
        self._count += 1
        data, whole = self._payload.take()
        label, flaw = item.label, ""
        if item.compressed:
            data, known, flaw = self._decompressed(data)
            label = MESSAGE if known and label == COMPRESSED else label
        word = _WORDS.get(self._stream.form)
        about = self._about(label)
        if word is None:
            yield from nested.tell(self._outline, data, about, self._given, whole=whole, at_root=True)
            return
        if item.damaged and not data:
            self._outline.say(f"# {word} {self._count:,} is damaged: {printable(item.note, 200)}")
            return
        heading = " · ".join((f"● {word} {self._count:,}", *self._notes(item)))
        self._outline.section(heading, f"{word} {self._count}")
        self._outline.note(flaw)
        if item.label == TRAILERS:
            self._outline.block("\n".join(printable(line) for line in data.split(b"\r\n") if line))
        else:
            yield from nested.tell(self._outline, data, about, self._given, whole=whole)
        self._outline.close()

    def _about(self, label: str) -> About:
        outer, form = self._given.about, self._stream.form
        kind = message_type(form, label, outer.media_type)
        return About(kind, form, label, outer.path, outer.response)

    def _notes(self, item: Found) -> list[str]:
        notes: list[str] = []
        if item.label not in (MESSAGE, COMPRESSED):
            notes.append(printable(item.label, 80))
        if item.note:
            notes.append(("id " if self._stream.form == MessageForm.SSE else "") + printable(item.note, 200))
        if self._stream.form != MessageForm.SSE:
            notes.append(f"{human_size(item.size)} bytes" if item.size >= 1000 else f"{item.size} bytes")
        if item.compressed:
            notes.append(printable(self._given.about.message_encoding, 20) or "compressed")
        return notes

    def _decompressed(self, data: bytes) -> tuple[bytes, bool, str]:
        """Return a message without its compression, whether that is known here, and what is wrong with it."""
        kept = nested.Kept()
        try:
            step = undoing(self._given.about.message_encoding or b"gzip")
        except CodingError as error:
            return data, False, error.detail
        try:
            for piece in step.feed(data) if step is not None else (data,):
                kept.add(piece)
                if kept.size > nested.LONGEST:
                    break
        except CodingError as error:
            return data, True, error.detail
        return kept.take()[0], True, ""


def _name(stream: Stream) -> str:
    named = {MessageForm.GRPC: "gRPC", MessageForm.AWS: "an AWS event stream"}
    return named.get(stream.form, "such a stream")
