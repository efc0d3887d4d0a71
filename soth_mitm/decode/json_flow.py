"""JSON laid out as it comes, without changing one of its tokens, and what can be folded of it.

Reading and writing values would round large numbers, merge duplicate keys and lose the order; here
only the white space between tokens changes. What stands between two scalars repeats all the time
(`, `, `: `, `}, {`), so its layout is kept; that makes this fast. What is wrong is found on the way;
what is unfinished is shown as far as it goes.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from soth_mitm.decode.folds import CLOSE, COMMA, DEEPEST_INDENT, INDENT, OPEN, Folds
from soth_mitm.decode.views import NotThis, View
from soth_mitm.text import SafeText, printable_block

if TYPE_CHECKING:
    from soth_mitm.decode.anti_hijack import Prefix
    from soth_mitm.decode.flowing import Characters

_SCALAR = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[^\s{}\[\],:"]+)', re.DOTALL)
_REST = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_WORD = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_CONTROL = re.compile(r"[\x00-\x1f]")
_ESCAPES = re.compile(r'[^\\]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^\\]*)*')
_CUT_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_MEMO_ENTRIES: Final = 4096
_MEMO_KEY: Final = 64
_MEMO_DEPTH: Final = 4
_LONGEST_WORD: Final = 64 * 1024

_VALUE, _VALUE_OR_END, _KEY, _KEY_OR_END, _COLON, _NEXT, _DONE = range(7)
_EXPECTED = (
    "a value", "a value or ']'", "a key in double quotes", "a key in double quotes or '}'",
    "':' after the key", "", "nothing more",
)  # fmt: skip
_ENDS: Final = {"{": "}", "[": "]"}


class NotJson(NotThis):
    """The text breaks the rules of JSON; the message says where and how."""


class _Effect(NamedTuple):
    """What a run of brackets, commas and colons does, wherever the same stands around it."""

    text: str
    lines: int
    steps: tuple[tuple[int, int], ...]
    """What to tell the folds, with lines counted from the one of the run's beginning."""
    closed: int
    opened: tuple[str, ...]
    phase: int


class JsonFlow:
    """Lays out text piece by piece. Cut differently, the same text gives the same layout."""

    def __init__(self) -> None:
        self.folds = Folds()
        self._stack: list[str] = []
        self._phase = _VALUE
        self._line = 0
        self._held = ""
        self._in_string = False
        self._read = 0
        self._source_line, self._line_start = 1, 0
        self._memo: dict[tuple[str, int, int, str], _Effect] = {}

    def feed(self, text: str, *, final: bool) -> str:
        """Return the layout of the next text.

        Raises:
            NotJson: it breaks the rules, or ends too early with `final`.
        """
        source, self._held = self._held + text, ""
        out: list[str] = []
        at = self._string_rest(source, out) if self._in_string else 0
        if not self._in_string:
            parts = _SCALAR.split(source[at:] if at else source)
            self._hold_back(parts, final=final)
            self._lay_out(parts, out, at)
        self._count(source, len(source) - len(self._held))
        if final and (self._phase != _DONE or self._in_string):
            raise NotJson("not valid JSON: it ends too early")
        return "".join(out)

    def pass_over(self, text: str) -> None:
        """Take text that is no part of the JSON, so that errors have the right places."""
        self._count(text, len(text))

    def _count(self, source: str, length: int) -> None:
        """Note how far the source was read, in characters and in lines."""
        breaks = source.count("\n", 0, length)
        if breaks:
            self._source_line += breaks
            self._line_start = self._read + source.rindex("\n", 0, length) + 1
        self._read += length

    def _string_rest(self, source: str, out: list[str]) -> int:
        """Go on with a string that an earlier piece began; return where what follows it begins."""
        match = _REST.match(source)
        end = match.end() if match else 0
        if end < len(source) and source[end] == '"':
            self._in_string = False
            end += 1
        else:
            end = _before_escape(source)
            self._held = source[end:]
        flaw = _flaw(source[:end])
        if flaw is not None:
            raise self._flawed(source[: flaw[0]], flaw[1])
        out.append(source[:end])
        return end

    def _hold_back(self, parts: list[str], *, final: bool) -> None:
        """Keep what cannot be judged before more has come: the end of a word, an opening bracket."""
        if parts[-1]:
            trailing = parts[-1].rstrip()
            if trailing[-1:] in ("{", "[") and not final:
                # With the white space behind it, by which places are counted.
                rest = parts[-1][len(trailing) - 1 :]
                self._held = rest if len(rest) < _LONGEST_WORD else rest[0]
                parts[-1] = trailing[:-1]
        elif len(parts) > 1:
            last = parts[-2]
            if last[0] != '"':
                if len(last) < _LONGEST_WORD and not final:
                    self._held = last
                    del parts[-2:]
            elif not _is_whole(last):
                end = _before_escape(last)
                self._held, parts[-2] = last[end:], last[:end]
                self._in_string = True

    def _lay_out(self, parts: list[str], out: list[str], at: int) -> None:
        memo, stack = self._memo, self._stack
        tail = "".join(stack[-_MEMO_DEPTH:])
        for number in range(0, len(parts), 2):
            run = parts[number]
            if run:
                key = (run, self._phase, len(stack), tail)
                effect = memo.get(key)
                if effect is None:
                    effect = self._run(run, key, parts, number, at)
                else:
                    if effect.closed:
                        del stack[-effect.closed :]
                    stack.extend(effect.opened)
                self._phase = effect.phase
                if effect.closed or effect.opened:
                    tail = "".join(stack[-_MEMO_DEPTH:])
                for step, line in effect.steps:
                    self.folds.apply(step, self._line + line)
                self._line += effect.lines
                out.append(effect.text)
            if number + 1 < len(parts):
                scalar, phase = parts[number + 1], self._phase
                if phase <= _VALUE_OR_END and (scalar[0] == '"' or _WORD.fullmatch(scalar)):
                    self._phase = _NEXT if stack else _DONE
                elif phase in (_KEY_OR_END, _KEY) and scalar[0] == '"':
                    self._phase = _COLON
                else:
                    raise self._wrong(parts, number + 1, at)
                if "\\" in scalar or not scalar.isprintable():
                    flaw = _flaw(scalar)
                    if flaw is not None:
                        before = "".join(parts[: number + 1]) + scalar[: flaw[0]]
                        raise self._flawed(" " * at + before, flaw[1])
                out.append(scalar)

    def _wrong(self, parts: list[str], number: int, at: int, place: int = 0) -> NotJson:
        before = "".join((*parts[:number], parts[number][:place]))
        expected = f"',' or '{_ENDS[self._stack[-1]]}'" if self._phase == _NEXT else _EXPECTED[self._phase]
        return self._flawed(" " * at + before, f"expected {expected}")

    def _flawed(self, before: str, words: str) -> NotJson:
        self._count(before, len(before))
        where = f"line {self._source_line:,}, column {self._read - self._line_start + 1:,}"
        return NotJson(f"not valid JSON at {where}: {words}")

    def _run(
        self, run: str, key: tuple[str, int, int, str], parts: list[str], number: int, at: int
    ) -> _Effect:
        """Judge and lay out what stands between two scalars; the stack is changed by it."""
        stack, before = self._stack, len(self._stack)
        lowest, texts, lines, pending = before, list[str](), 0, False
        steps: list[tuple[int, int]] = []
        for place, char in enumerate(run):
            if char in " \t\n\r":
                continue
            if not self._may_stand(char):
                raise self._wrong(parts, number, at, place)
            if char in "{[":
                if pending:
                    texts.append(_new_line(len(stack)))
                    steps.append((OPEN, lines))
                    lines += 1
                texts.append(char)
                stack.append(char)
                pending, self._phase = True, _KEY_OR_END if char == "{" else _VALUE_OR_END
            elif char in "}]":
                stack.pop()
                lowest = min(lowest, len(stack))
                if not pending:
                    texts.append(_new_line(len(stack)))
                    lines += 1
                    steps.append((CLOSE, lines))
                texts.append(char)
                pending, self._phase = False, _NEXT if stack else _DONE
            elif char == ",":
                texts.append("," + _new_line(len(stack)))
                lines += 1
                steps.append((COMMA, lines))
                self._phase = _KEY if stack[-1] == "{" else _VALUE
            else:
                texts.append(": ")
                self._phase = _VALUE
        if pending:
            texts.append(_new_line(len(stack)))
            steps.append((OPEN, lines))
            lines += 1
        effect = _Effect(
            "".join(texts), lines, tuple(steps), before - lowest, tuple(stack[lowest:]), self._phase
        )
        if len(run) <= _MEMO_KEY and before - lowest < _MEMO_DEPTH:
            if len(self._memo) >= _MEMO_ENTRIES:
                self._memo.clear()
            self._memo[key] = effect
        return effect

    def _may_stand(self, char: str) -> bool:
        phase, stack = self._phase, self._stack
        if char in "{[":
            return phase <= _VALUE_OR_END
        if char == ":":
            return phase == _COLON
        if char == ",":
            return phase == _NEXT
        if char == "}":
            return bool(stack) and stack[-1] == "{" and phase in (_NEXT, _KEY_OR_END)
        return char == "]" and bool(stack) and stack[-1] == "[" and phase in (_NEXT, _VALUE_OR_END)


def _is_whole(string: str) -> bool:
    """Return whether a string that begins with a quote also ends with one."""
    if len(string) < 2 or string[-1] != '"':
        return False
    return not _odd_backslashes(string, len(string) - 1)


def _odd_backslashes(string: str, end: int) -> bool:
    """Return whether an odd number of backslashes stands before `end`."""
    at = end
    while at and string[at - 1] == "\\":
        at -= 1
    return (end - at) % 2 == 1


def _before_escape(string: str) -> int:
    """Return where the escape begins that a string is cut in; its length where it is not."""
    cut = _CUT_ESCAPE.search(string)
    return cut.start() if cut is not None and not _odd_backslashes(string, cut.start()) else len(string)


def _flaw(string: str) -> tuple[int, str] | None:
    """Return where and how a string, or a part of one, breaks the rules; None where it does not."""
    bare = _CONTROL.search(string)
    found = _ESCAPES.match(string)
    escape = found.end() if found else 0
    if bare is not None and bare.start() < escape:
        return bare.start(), "a control character in a string must be escaped"
    return (escape, "JSON has no such escape") if escape < len(string) else None


def _new_line(depth: int) -> str:
    return "\n" + INDENT * min(depth, DEEPEST_INDENT)


_TOO_DEEP: Final = "\n" + INDENT * (DEEPEST_INDENT + 1)


def _at_once(text: str) -> str | None:
    """Return the same layout of a whole text, a hundred times as fast; None where a `JsonFlow` must say.

    That is where the text breaks the rules, whose place only the flow tells, is nested too deeply, or has
    half a surrogate pair.
    """
    with suppress(msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        laid_out = msgspec.json.format(text, indent=len(INDENT))
        if _TOO_DEEP not in laid_out:
            return laid_out
    return None


class JsonView(View):
    """A `View` of JSON; `folds` counts lines as they end in LF. A prefix against hijacking is left out.

    Where nobody asks what can be folded, without `folding`, a text that comes whole is laid out at once.
    """

    def __init__(self, characters: Characters, prefix: Prefix | None = None, *, folding: bool = True) -> None:
        self.characters: Characters = characters
        self._flow = JsonFlow()
        self.folds = self._flow.folds if folding else None
        self._fresh = not folding and prefix is None
        self._skip = 0
        if prefix is not None:
            self._skip = prefix.length
            self.notes = (f"anti_hijack_prefix:{prefix.name}, {prefix.text} left out",)

    def feed(self, data: bytes, *, final: bool = False) -> SafeText:
        """See `View`; raises `NotJson`."""
        text = self.characters.feed(data, final=final)
        laid_out = _at_once(text) if self._fresh and final else None
        self._fresh = False
        if laid_out is not None:
            return printable_block(laid_out, as_json=True)
        if self._skip:
            skipped = min(self._skip, len(text))
            self._flow.pass_over(text[:skipped])
            self._skip, text = self._skip - skipped, text[skipped:]
        return printable_block(self._flow.feed(text, final=final), as_json=True)
