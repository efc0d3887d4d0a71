"""Conversations with language models as bodies: a heading for each block, its text below as it arrives.

Blocks stand in the order in which they began; one that talks while an earlier one has not ended waits
for that. Arguments of tools are laid out as JSON while they come.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.json_flow import JsonFlow, NotJson
from soth_mitm.decode.llm.conversation import Block, Change, Conversation, Kind, Role
from soth_mitm.decode.llm.facts import ending, heading, oddities, turn
from soth_mitm.decode.llm.framing import Objects
from soth_mitm.decode.llm.loose import value_of
from soth_mitm.decode.llm.reader import Reader
from soth_mitm.decode.llm.recognise import STREAMS, recognise
from soth_mitm.decode.nested import LONGEST, Kept
from soth_mitm.decode.outline import Outline
from soth_mitm.decode.views import NotThis, Stepped
from soth_mitm.proto.splitting import Part, SplitError
from soth_mitm.proto.streams import splitter_of, stream_of
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.decode.about import About
    from soth_mitm.decode.registry import Given
    from soth_mitm.proto.splitting import Splitter

THOUGHT: Final = "┆ "
"""Stands before each line of thinking."""

_STEP: Final = 16 * 1024


class ConversationView(Stepped):
    """A `View` of a request or an answer in one of the dialects."""

    step = _STEP

    def __init__(self, given: Given) -> None:
        super().__init__()
        about = given.about
        known = recognise(about.path, given.beginning, about.media_type, response=about.response)
        self._reader = Reader(known.dialect, path=about.path) if known is not None else None
        self._response = about.response
        self._splitter = _splitter(about)
        self._over = False
        """The framing of the stream is broken."""
        self._outline = Outline(many=True)
        self.folds = self._outline.folds
        self._kept = Kept()
        self._objects = Objects()
        self._script = Script(self._outline)

    def work(self, data: bytes, *, final: bool) -> Iterator[str]:
        """See `Stepped`."""
        reader = self._reader
        if reader is None:
            raise NotThis("not a conversation in a dialect that is known")
        if not self._response:
            self._kept.add(data)
            if not final:
                return
            body, whole = self._kept.take()
            if not whole:
                raise NotThis(f"longer than {LONGEST:,} bytes")
            yield from self._tell(reader, reader.request(body))
        elif self._splitter is not None:
            if not self._over:
                yield from self._streamed(reader, self._splitter, data)
        else:
            for value in self._objects.feed(data):
                ended = reader.conversation.turns_ended
                yield from self._tell(reader, reader.feed("", value))
                if reader.conversation.turns_ended != ended:
                    self._outline.say(f"# {printable(turn(reader.conversation))}")
                    yield self._outline.take()
        if final:
            yield from self._end(reader)

    def _streamed(self, reader: Reader, splitter: Splitter, data: bytes) -> Iterator[str]:
        try:
            yield from self._events(reader, splitter, data)
        except SplitError as error:
            self._over = True
            reader.conversation.put(error=f"{error.detail}; what follows is not read")

    def _events(self, reader: Reader, splitter: Splitter, data: bytes) -> Iterator[str]:
        for item in splitter.feed(data):
            self._kept.add(item.data)
            if isinstance(item, Part):
                continue
            body, whole = self._kept.take()
            if item.damaged:
                reader.conversation.odd("damaged messages")
            elif whole:
                label = "" if item.label == "message" else item.label
                yield from self._tell(reader, reader.feed(label, body))
            else:
                reader.conversation.odd(f"events of more than {LONGEST:,} bytes")

    def _tell(self, reader: Reader, changes: list[Change]) -> Iterator[str]:
        for _ in self._script.take(reader.conversation, changes):
            yield self._outline.take()

    def _end(self, reader: Reader) -> Iterator[str]:
        talk = reader.conversation
        if not talk.blocks and not (talk.error or talk.stop_reason or talk.usage.output):
            raise NotThis("no conversation in it")
        complete = talk.ended or not self._response or bool(talk.stop_reason or talk.error)
        yield from self._tell(reader, reader.finish())
        if not complete:
            self._outline.say("# it ends here, before its end was told")
        self._last_words(talk)
        self._outline.finish()
        yield self._outline.take()

    def _last_words(self, talk: Conversation) -> None:
        for said in (*ending(talk), *oddities(talk)):
            self._outline.say(f"# {printable(said)}")

    def rest(self) -> Iterator[str]:
        """See `Stepped`."""
        reader = self._reader
        if reader is None or not reader.conversation.blocks:
            raise NotThis("not all of the conversation is there")
        self._script.leave()
        self._outline.say("# what was recorded ends here")
        self._last_words(reader.conversation)
        self._outline.finish()
        yield self._outline.take()


def _splitter(about: About) -> Splitter | None:
    """Return what finds the messages of a stream that has named ones; of others, objects are looked for."""
    stream = stream_of(about.content_type, path=b"", streamed=False) if about.media_type in STREAMS else None
    return splitter_of(stream, about.content_type, keep=True) if stream is not None else None


class Script:
    """Writes blocks into an outline, one after the other."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline
        self._at = 0
        """The block that is being written, or comes next."""
        self._begun = False
        self._waiting: dict[int, list[str]] = {}
        self._sink: _Sink | None = None
        self._headed = False

    def take(self, talk: Conversation, changes: list[Change]) -> Iterator[None]:
        """Write what changed."""
        for block, text in changes:
            if block.number < self._at:
                if text:
                    self._late(block, text)
            elif block.number == self._at:
                self._open(talk, block).add(text)
            elif text:
                self._waiting.setdefault(block.number, []).append(text)
            yield
        while self._at < len(talk.blocks):
            block = talk.blocks[self._at]
            sink = self._open(talk, block)
            if not block.closed:
                break
            sink.end()
            self._outline.close()
            self._sink = None
            self._at += 1
            yield
        yield

    def leave(self) -> None:
        """End where no more comes."""
        if self._sink is not None:
            self._sink.end()
        self._outline.leave()

    def _open(self, talk: Conversation, block: Block) -> _Sink:
        """Return where the text of the next block goes, which begins with what has waited."""
        if self._sink is None:
            if not self._headed:
                self._headed = True
                self._outline.say(f"# {printable(heading(talk))}")
            self._section(block, "")
            self._sink = _Sink(self._outline, block)
            for text in self._waiting.pop(block.number, ()):
                self._sink.add(text)
        return self._sink

    def _section(self, block: Block, more: str) -> None:
        kind = "" if block.kind is Kind.TEXT or (block.kind is Kind.OTHER and block.name) else block.kind
        role = "" if block.role is Role.TOOL and kind else block.role
        words = (role, kind, printable(block.name, 80), printable(block.call, 80), more)
        name = f"{block.role} {block.number + 1}"
        self._outline.section("● " + " · ".join(word for word in words if word), name)

    def _late(self, block: Block, text: str) -> None:
        """Write what came for a block that had ended."""
        current, self._sink = self._sink, None
        if current is not None:
            current.end()
            self._outline.close()
        self._section(block, "continued")
        _Sink(self._outline, block).add(text)
        self._outline.close()


class _Sink:
    """The text of one block on its way into the outline: JSON laid out, or lines as they are."""

    def __init__(self, outline: Outline, block: Block) -> None:
        self._outline = outline
        self._block = block
        self._flow: JsonFlow | None = None
        self._lead = THOUGHT if block.kind is Kind.THINKING else ""
        self._first = -1
        """The line of its first text."""

    def add(self, text: str) -> None:
        """Write more text."""
        if not text:
            return
        if self._first < 0:
            self._outline.say(self._lead)
            self._first = self._outline.line
            if _is_json(self._block, text):
                self._flow = JsonFlow()
        if self._flow is not None:
            try:
                self._outline.more(self._flow.feed(text, final=False))
                return
            except NotJson:
                self._settle()
                self._outline.more("\n")
        text = text.replace("\r\n", "\n").replace("\t", "    ")
        self._outline.more(text.replace("\n", f"\n{self._lead}") if self._lead else text)

    def end(self) -> None:
        """Write no more; what can be folded in it is known now."""
        if self._flow is not None:
            flow = self._flow
            try:
                self._outline.more(flow.feed(" ", final=False))  # a number at the end is told now
                self._outline.more(flow.feed("", final=True))
            except NotJson as error:
                self._settle()
                self._outline.say(f"# {printable(str(error), 200)}")
            else:
                self._settle()

    def _settle(self) -> None:
        if self._flow is not None:
            self._outline.folds.adopt(self._flow.folds, self._first)
            self._flow = None


def _is_json(block: Block, text: str) -> bool:
    if block.kind is Kind.TOOL_USE:
        return text.lstrip()[:1] in ("{", "[")
    if block.kind is Kind.TOOL_RESULT and block.closed and text[:1] in ("{", "["):
        return isinstance(value_of(text.encode("utf-8", "surrogatepass")), dict | list)
    return False
