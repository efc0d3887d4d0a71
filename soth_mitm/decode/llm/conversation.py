"""What a conversation is, whichever dialect told it: blocks in order, numbers, times, and what was odd."""

from __future__ import annotations

from collections.abc import Hashable
from enum import StrEnum
from typing import Final, NamedTuple

MOST_BLOCKS: Final = 10_000
"""Blocks of one conversation; later ones are counted only."""

MOST_TEXT: Final = 8 * 1024 * 1024
"""Characters that all blocks keep; later ones are counted only."""

MOST_UNKNOWN: Final = 64
"""Different names of what is not known; others are counted under `other`."""

STALL_NS: Final = 2_000_000_000
"""A gap between two pieces of text that is longer is a stall."""

LONGEST_NAME: Final = 200
"""Characters of a name, an id, a reason."""


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


_ASKING: Final = frozenset({Role.SYSTEM, Role.USER})


class Kind(StrEnum):
    """What a block is."""

    TEXT = "text"
    THINKING = "thinking"
    TOOL_USE = "tool use"
    TOOL_RESULT = "tool result"
    REFUSAL = "refusal"
    OTHER = "other"
    """Images, files and all else; `name` says what."""


class Block:
    """A piece of what one side says. Text is as it came: of a tool use, its arguments as JSON."""

    __slots__ = ("_pieces", "call", "choice", "closed", "kept", "kind", "name", "number", "role", "size")

    def __init__(self, number: int, role: Role, kind: Kind, *, name: str, call: str, choice: int) -> None:
        self.number = number
        """Its place among the blocks; -1 for one beyond `MOST_BLOCKS`."""
        self.role, self.kind = role, kind
        self.name = name
        """Of a tool use, the tool; of other things, what they are."""
        self.call = call
        """The id that joins a tool use and its result."""
        self.choice = choice
        """Which of several answers, or items of one, it belongs to."""
        self.closed = False
        self.size = 0
        """Characters that came."""
        self.kept = 0
        """Characters of them that are kept."""
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """The text so far, as much as is kept of it."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def append(self, text: str, room: int) -> int:
        """Take more text, of which `room` characters are kept; return how many were."""
        self.size += len(text)
        text = text[:room]
        if text:
            self._pieces.append(text)
            self.kept += len(text)
        return len(text)


class Change(NamedTuple):
    """Something that a message brought: more text of a block, which may be new, or its end."""

    block: Block
    text: str = ""


class Usage:
    """The provider's numbers as it gave them; None where it gave none. Later ones replace earlier ones."""

    __slots__ = (
        "cached", "cached_inside", "input", "output", "sound", "thinking", "thinking_inside", "written",
        "written_1h",
    )  # fmt: skip

    def __init__(self) -> None:
        self.input: int | None = None
        self.output: int | None = None
        self.cached: int | None = None
        """Input read from a cache."""
        self.written: int | None = None
        """Input written to a cache."""
        self.written_1h: int | None = None
        """Of `written`, what is kept for an hour, at another price."""
        self.thinking: int | None = None
        self.cached_inside = True
        """`cached` and `written` are part of `input`; otherwise they come on top."""
        self.thinking_inside = True
        """`thinking` is part of `output`; otherwise it comes on top."""
        self.sound = False
        """Some of the tokens are sound, which has prices of its own."""

    def put(self, **numbers: int | None) -> None:
        """Take the numbers that are there."""
        for name, number in numbers.items():
            if number is not None:
                setattr(self, name, number)

    def plus(self, other: Usage) -> Usage:
        """Return the numbers of both together, which are counted in the same way."""
        both = Usage()
        both.cached_inside, both.thinking_inside = other.cached_inside, other.thinking_inside
        both.sound = self.sound or other.sound
        for name in _SUMMED:
            one, more = getattr(self, name), getattr(other, name)
            if one is not None or more is not None:
                setattr(both, name, (one or 0) + (more or 0))
        return both

    @property
    def all_input(self) -> int | None:
        """Input tokens, cached ones included."""
        if self.cached_inside or self.input is None:
            return self.input
        return self.input + (self.cached or 0) + (self.written or 0)

    @property
    def all_output(self) -> int | None:
        """Output tokens, those of thinking included."""
        if self.thinking_inside or self.output is None:
            return self.output
        return self.output + (self.thinking or 0)


_SUMMED: Final = ("input", "output", "cached", "written", "written_1h", "thinking")


class Conversation:
    """A request, its answer, or both."""

    def __init__(self, dialect: str, *, sent_ns: int = -1, keep: int | None = None) -> None:
        """`keep` is how many characters of all blocks are kept, `MOST_TEXT` where it is not said."""
        self.dialect = dialect
        self.model = ""
        """What answered, or what was asked for while nothing has."""
        self.id = ""
        self.stop_reason = ""
        """As the provider calls it; empty while there is none."""
        self.tier = ""
        """The tier of service, where it is told."""
        self.error = ""
        self.ended = False
        """The provider has said that this is all."""
        self.tools: list[str] = []
        """Names of the tools that the request offers, `MOST_UNKNOWN` at most."""
        self.tool_count = 0
        self.usage = Usage()
        """Of all answers that have ended, where several follow each other."""
        self.turns = 0
        """Answers that have begun, where several follow each other."""
        self.turns_ended = 0
        self.turn: Usage | None = None
        """The numbers of the one that ended last, alone."""
        self.asked = 0
        """How often an answer was asked for."""
        self.blocks: list[Block] = []
        self.dropped = 0
        """Blocks beyond `MOST_BLOCKS`."""
        self.messages = 0
        """Messages that were fed."""
        self.unknown: dict[str, int] = {}
        """How often something came that this does not know, by its name."""
        self.sent_ns = sent_ns
        self.first_ns = self.last_ns = self.end_ns = -1
        """When the first text, the last text and the last message came."""
        self.longest_gap_ns = 0
        """The longest time between two messages that brought text."""
        self.stalls = 0
        """How many such times were longer than `STALL_NS`."""
        self._changes: list[Change] = []
        self._by_key: dict[Hashable, Block] = {}
        self._open: dict[int, Block] = {}
        self._last: dict[int, Block] = {}
        self._room = MOST_TEXT if keep is None else keep

    # --- what dialects say

    def block(
        self, key: Hashable, role: Role, kind: Kind, *, name: str = "", call: str = "", choice: int = 0
    ) -> Block:
        """Return the block that `key` stands for, a new one where there is none."""
        found = self._by_key.get(key)
        if found is not None:
            return found
        number = len(self.blocks)
        full = number >= MOST_BLOCKS
        made = Block(
            -1 if full else number,
            role,
            kind,
            name=name[:LONGEST_NAME],
            call=call[:LONGEST_NAME],
            choice=choice,
        )
        if full:
            self.dropped += 1
            return made
        self.blocks.append(made)
        self._by_key[key] = self._open[number] = self._last[choice] = made
        self._changes.append(Change(made))
        return made

    def known(self, key: Hashable) -> Block | None:
        """Return the block that `key` stands for."""
        return self._by_key.get(key)

    def say(self, block: Block, text: str) -> None:
        """Add text to a block."""
        if text and block.number >= 0:
            self._room -= block.append(text, self._room)
            self._changes.append(Change(block, text))

    def close(self, block: Block) -> None:
        """End a block."""
        if not block.closed:
            block.closed = True
            if self._open.pop(block.number, None) is not None:
                self._changes.append(Change(block))

    def close_all(self, choice: int = -1) -> None:
        """End the open blocks of one answer, or of all."""
        for block in list(self._open.values()):
            if choice < 0 or block.choice == choice:
                self.close(block)

    def begin_again(self) -> None:
        """End all, and take keys for new blocks from now on: another answer begins."""
        self.close_all()
        self._by_key.clear()
        self._last.clear()

    def last(self, choice: int) -> Block | None:
        """Return the block of an answer that was begun last."""
        return self._last.get(choice)

    def whole(
        self, role: Role, kind: Kind, text: str, *, name: str = "", call: str = "", choice: int = 0
    ) -> None:
        """Add a block that is complete."""
        block = self.block(("whole", len(self.blocks)), role, kind, name=name, call=call, choice=choice)
        self.say(block, text)
        self.close(block)

    def tool(self, name: str) -> None:
        """Count a tool that is offered."""
        self.tool_count += 1
        if len(self.tools) < MOST_UNKNOWN:
            self.tools.append(name[:LONGEST_NAME])

    def put(
        self,
        *,
        model: str = "",
        id: str = "",  # noqa: A002 - what it is
        stop: str = "",
        error: str = "",
        tier: str = "",
    ) -> None:
        """Take facts that are there."""
        self.model = model[:LONGEST_NAME] or self.model
        self.id = id[:LONGEST_NAME] or self.id
        self.stop_reason = stop[:LONGEST_NAME] or self.stop_reason
        self.error = error[: 4 * LONGEST_NAME] or self.error
        self.tier = tier[:LONGEST_NAME] or self.tier

    def odd(self, name: str) -> None:
        """Count something that is not known."""
        name = name[:LONGEST_NAME] or "without a name"
        if name not in self.unknown and len(self.unknown) >= MOST_UNKNOWN:
            name = "other"
        self.unknown[name] = self.unknown.get(name, 0) + 1

    # --- what a reader needs

    def take(self, now_ns: int) -> list[Change]:
        """Return what changed since the last time, and note when."""
        changes, self._changes = self._changes, []
        if now_ns >= 0:
            self.end_ns = now_ns
            if any(change.text and change.block.role not in _ASKING for change in changes):
                if self.first_ns < 0:
                    self.first_ns = now_ns
                else:
                    gap = now_ns - self.last_ns
                    self.longest_gap_ns = max(self.longest_gap_ns, gap)
                    self.stalls += gap > STALL_NS
                self.last_ns = now_ns
        return changes

    @property
    def first_token_ns(self) -> int:
        """Time from the request to the first text; -1 where it is not known."""
        return self.first_ns - self.sent_ns if self.first_ns >= 0 <= self.sent_ns else -1

    @property
    def tokens_per_second(self) -> float:
        """Output tokens by the time they took, from the first text to the last; 0.0 where not known."""
        took = self.last_ns - self.first_ns
        return (self.usage.all_output or 0) * 1e9 / took if took > 0 else 0.0
