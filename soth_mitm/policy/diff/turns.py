"""Two turns of a conversation with a model compared: the cached prefix, what is new, results of tools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.decode.coding import undo
from soth_mitm.decode.llm import facts
from soth_mitm.decode.llm.continuing import (
    PATH,
    Answer,
    Links,
    answer_in,
    continued,
    links_of,
    turns_of_socket,
)
from soth_mitm.decode.llm.loose import as_json, fields, value_of
from soth_mitm.decode.llm.turns import Part, Turn, answer_of, fingerprint, join_calls, turn_of
from soth_mitm.policy.diff.comparing import Sample
from soth_mitm.policy.diff.ignoring import NOTHING, Ignore
from soth_mitm.policy.diff.octets import first_difference
from soth_mitm.policy.diff.report import DiffLine, DiffReport, DiffSection, Kind, bounded
from soth_mitm.policy.diff.trees import read, trees
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.decode.llm.conversation import Conversation

MOST_TURN: Final = 8 * 1024 * 1024
"""Bytes of a request or an answer that are read."""

_MOST_LINES: Final = 1000
_MOST_PARTS: Final = 50
"""Parts of a prompt that are compared in detail, from the first that differs on."""
_AROUND: Final = 40
"""Bytes that are shown before and behind the first one that differs."""
_SHOWN: Final = 400


class Break(NamedTuple):
    """Where two prompts differ first."""

    part: int
    """The number of the part, which the shorter prompt may not have."""
    offset: int
    """Bytes of the prompt before that are the same."""
    inside: int
    """Bytes of the part before that are the same."""


class Side(NamedTuple):
    """A request to a model, and its answer."""

    path: bytes
    request: Sample
    answer: Sample | None

    @classmethod
    def of(cls, path: bytes, request: Sample | None, answer: Sample | None) -> Side:
        """Return a side, of which even the request may be missing."""
        return cls(path, request or Sample(), answer)

    @property
    def size(self) -> int:
        """Bytes of both bodies."""
        return len(self.request.body) + (len(self.answer.body) if self.answer is not None else 0)


def compare_turns(left: Side, right: Side, *, ignore: Ignore = NOTHING) -> DiffReport:
    """Compare two turns, of which the left one came before; never raises, whatever the bytes are."""
    right, notes = _continuing(left, right)
    one, other = _turn(left), _turn(right)
    if one is None or other is None:
        whose = "earlier" if one is None else "later"
        words = f"the {whose} request cannot be read as a conversation, or is larger than 8 MiB"
        return DiffReport((DiffSection("Conversation", "size", (DiffLine(Kind.NOTE, label=words),)),))
    answers = _answer(left), _answer(right)
    sections = [_prefix(one, other, notes), *_parts(one, other, ignore)]
    new = _beyond(one, other)
    if new.lines:
        sections.append(new)
    if one.settings != other.settings:
        sections.append(trees("Settings", _value(one.settings), _value(other.settings), ignore))
    if answers[0] is not None:
        calls = bounded("Calls of tools and their results", "json", _calls(answers[0], other), _MOST_LINES)
        sections += [calls] if calls.lines else []
    counted = [facts.tokens(each.usage) if each is not None else "" for each in answers]
    if any(counted):
        line = DiffLine(Kind.PAIRED, counted[0] or "not told", counted[1] or "not told")
        sections.append(DiffSection("Tokens", "start", (line,)))
    return DiffReport(tuple(sections))


def first_break(left: Turn, right: Turn) -> Break | None:
    """Return where two prompts differ first; None where one is the beginning of the other."""
    offset = 0
    for number, (one, other) in enumerate(zip(left.parts, right.parts, strict=False)):
        if one.data != other.data:
            inside = first_difference(one.data, other.data)
            return Break(number, offset + inside, inside)
        offset += len(one.data)
    return None


def fingerprint_of(side: Side) -> tuple[bytes, ...]:
    """Return what the messages of a request are told from others by; nothing where it cannot be read."""
    data = _body(side.request)
    return fingerprint(side.path, data) if data is not None else ()


def links_of_side(side: Side) -> Links:
    """Return what a request says that it continues."""
    return links_of(_request(side))


def answers_to(side: Side) -> str:
    """Return the id of an answer of Responses; empty where there is none."""
    return _answer_of(side).id


def compare_last_turns(path: bytes, said: bytes, *, ignore: Ignore = NOTHING) -> DiffReport:
    """Compare the last two turns of a WebSocket, whose texts are given one behind the other."""
    turns = turns_of_socket(path, said) if len(said) <= MOST_TURN else []
    if len(turns) < 2:
        words = "there is only one turn by now" if turns else "no turn has begun"
        if len(said) > MOST_TURN:  # the last of it is missing, so these would not be the last turns
            words = "more than 8 MiB of text have passed, too much to put turns together"
        return DiffReport((DiffSection("Conversation", "size", (DiffLine(Kind.NOTE, label=words),)),))
    sides = [
        Side(PATH, _sample(each.request), _sample(each.answer) if each.answer else None) for each in turns
    ]
    return compare_turns(sides[0], sides[1], ignore=ignore)


def _sample(data: bytes) -> Sample:
    return Sample(body=data, body_bytes=len(data), content_type=b"application/json")


def _request(side: Side) -> dict[str, object]:
    data = _body(side.request)
    return fields(value_of(data)) if data is not None else {}


def _answer_of(side: Side) -> Answer:
    data = _body(side.answer) if side.answer is not None else None
    if not data or side.answer is None:
        return Answer("", ())
    return answer_in(data, streamed=side.answer.content_type.startswith(b"text/event-stream"))


def _continuing(left: Side, right: Side) -> tuple[Side, tuple[str, ...]]:
    """Return the later turn with what the provider keeps of it, as the earlier one tells it, and notes."""
    request = _request(right)
    links = links_of(request)
    if not links.after and not links.thread:
        return right, ()
    before, answer = _request(left), _answer_of(left)
    if links.after and answer.id != links.after:
        return right, (f"continues {links.after}, which is another answer than that of the earlier turn",)
    name = links.after or links.thread
    notes = [f"continues {name}: the earlier request and its answer count as its beginning"]
    kept = links_of(before)
    if kept.after or kept.thread:
        notes.append(f"what {kept.after or kept.thread} holds was before both, and is not shown")
    data = as_json(continued(before, answer, request)).encode("utf-8", "surrogatepass")
    return right._replace(request=_sample(data)), tuple(notes)


def _prefix(left: Turn, right: Turn, said: tuple[str, ...]) -> DiffSection:
    """Say how much of the earlier prompt the later one begins with, below what is `said` about it."""
    lead = [DiffLine(Kind.NOTE, label=printable(words, _SHOWN)) for words in said]
    broken = first_break(left, right)
    title = "Prefix that a cache could hold"
    if broken is None:
        shared = min(len(left.parts), len(right.parts))
        size = sum(len(part.data) for part in left.parts[:shared])
        whole = "all of the earlier prompt" if shared == len(left.parts) else "all of this prompt"
        words = f"{whole} is the same: {size:,} bytes, {_counted(left.parts[:shared])}"
        return DiffSection(title, "size", (*lead, DiffLine(Kind.NOTE, label=words)))
    one, other = left.parts[broken.part], right.parts[broken.part]
    same = f"the first {broken.offset:,} bytes are the same: {_counted(left.parts[: broken.part])}"
    where = other.where if one.where == other.where else f"{one.where}, now {other.where}"
    differs = f"first difference: byte {broken.inside:,} of {where}"
    start = max(0, broken.inside - _AROUND)
    before, now = (printable(part.data[start : broken.inside + _AROUND], _SHOWN) for part in (one, other))
    line = DiffLine(Kind.CHANGED, before, now, f"byte {broken.offset:,}")
    notes = [DiffLine(Kind.NOTE, label=printable(words, _SHOWN)) for words in (same, differs)]
    return DiffSection(title, "json", (*lead, *notes, line))


def _counted(parts: tuple[Part, ...]) -> str:
    said = sum("messages[" in part.where or part.said for part in parts)
    tools = sum(not part.said and part.where.startswith(("tools", "functions")) for part in parts)
    words = [f"{tools:,} tool{'s' * (tools != 1)}"] if tools else []
    words += ["the system's text"] if len(parts) > said + tools else []
    return ", ".join([*words, f"{said:,} message{'s' * (said != 1)}"])


def _parts(left: Turn, right: Turn, ignore: Ignore) -> Iterator[DiffSection]:
    compared = 0
    for one, other in zip(left.parts, right.parts, strict=False):
        if one.data != other.data and compared < _MOST_PARTS:
            compared += 1
            same_place = one.where == other.where
            where = other.where if same_place else f"{one.where} → {other.where}"
            yield trees(printable(where, 200), _value(one.data), _value(other.data), ignore)


def _beyond(left: Turn, right: Turn) -> DiffSection:
    """Return the parts that only one of the prompts has, at its end."""
    shared = min(len(left.parts), len(right.parts))

    def lines() -> Iterator[DiffLine]:
        for part in left.parts[shared:]:
            yield DiffLine(Kind.REMOVED, printable(part.data[:_SHOWN]), None, printable(part.where, 200))
        for part in right.parts[shared:]:
            yield DiffLine(Kind.ADDED, None, printable(part.data[:_SHOWN]), printable(part.where, 200))

    return bounded(
        "New at the end" if len(right.parts) > shared else "Gone from the end", "json", lines(), _MOST_LINES
    )


def _calls(answer: Conversation, request: Turn) -> Iterator[DiffLine]:
    for each in join_calls(answer, request.blocks):
        called = printable(f"{each.name} {each.arguments}", _SHOWN)
        label = printable(each.call, 80)
        if each.result is None:
            yield DiffLine(Kind.NOTE, label=f"{called}  {label}  has no result in this turn")
        else:
            result = printable(("failed: " if each.failed else "") + each.result, _SHOWN)
            yield DiffLine(Kind.PAIRED, called, result, label)


def _turn(side: Side) -> Turn | None:
    data = _body(side.request)
    return turn_of(side.path, data) if data is not None else None


def _answer(side: Side) -> Conversation | None:
    data = _body(side.answer) if side.answer is not None else None
    return answer_of(side.path, data, side.answer.content_type) if data and side.answer is not None else None


def _body(sample: Sample) -> bytes | None:
    body = undo(sample.body, sample.content_encoding, limit=MOST_TURN)
    whole = len(sample.body) >= sample.body_bytes and not body.truncated
    return body.data if whole else None


def _value(data: bytes) -> object:
    try:
        return read(data.decode("utf-8", "replace"))
    except ValueError:
        return printable(data, _SHOWN)
