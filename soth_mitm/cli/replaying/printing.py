"""What a replay found, as lines for a person or as one JSON object a line."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from soth_mitm.export import redact as masking
from soth_mitm.export.style import palette
from soth_mitm.policy.diff import DEFAULTS, Kind
from soth_mitm.policy.diff.report import DIFFERENT
from soth_mitm.text import human_duration, printable, printable_block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from soth_mitm.cli.replaying.sending import Result
    from soth_mitm.export.style import Tone
    from soth_mitm.policy.diff import DiffLine, DiffSection, Ignore

VERSION: Final = 1
MOST_LINES: Final = 40
"""Differences of one answer that are printed; `-v` prints all."""
_WIDTH: Final = 200
_SHOWN: Final = frozenset({*DIFFERENT, Kind.NOTE})


class Results:
    """Counts results, and writes them as they come."""

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        quiet: bool,
        verbose: int,
        redact: bool,
        ignore: Ignore,
        to: str,
    ) -> None:
        self._write = write
        self._quiet, self._verbose, self._redact = quiet, verbose, redact
        self._ignore, self._to = ignore, to
        self.counts = {"same": 0, "different": 0, "failed": 0, "skipped": 0}

    @property
    def different(self) -> int:
        """How many answers differ."""
        return self.counts["different"]

    @property
    def failed(self) -> int:
        """How many requests got no answer, or could not be sent."""
        return self.counts["failed"] + self.counts["skipped"]

    def begin(self, requests: int, others: int) -> None:
        """Say what is about to be done."""

    def add(self, result: Result) -> None:
        """Take a result."""
        self.counts[result.outcome] += 1
        if not self._quiet:
            self.show(result)

    def show(self, result: Result) -> None:
        """Write a result."""
        raise NotImplementedError

    def finish(self) -> None:
        """Write what there is to say of all."""

    def _url(self, result: Result) -> str:
        url = printable(result.url, 2000)
        return masking.url(url) if self._redact else url

    def _text(self, section: DiffSection, line: DiffLine, text: str | None) -> str | None:
        """Return what a line shows of one side, secrets masked where that is wanted."""
        if text is None or not self._redact:
            return text
        if section.form == "fields":
            name, colon, value = text.partition(": ")
            return f"{name}{colon}{masking.field(name, value)}"
        if section.form == "json":
            name = line.label.rpartition(".")[2].split("[")[0].strip('"')
            return masking.MASK if masking.is_secret(name) else masking.body(text, "json")
        return masking.body(text, "text") if section.form == "text" else text


class TextResults(Results):
    """Lines for a person; coloured on a terminal alone."""

    def __init__(self, *arguments: Any, **more: Any) -> None:  # noqa: ANN401 - as the base
        super().__init__(*arguments, **more)
        on_terminal = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._tones = palette(color=on_terminal and os.environ.get("TERM") != "dumb")

    def begin(self, requests: int, others: int) -> None:
        """Say what is sent where, and what is ignored."""
        if self._quiet:
            return
        where = f" to {printable(self._to, 200)}" if self._to else ""
        self._line(f"{_count(requests, 'request')}{where}", self._tones.strong)
        if others:
            self._line(f"left out: {_count(others, 'flow')} without a request", self._tones.quiet)
        rules = [rule for rule in self._ignore.rules if rule not in DEFAULTS]
        if len(rules) < len(self._ignore.rules):
            names = ", ".join(rule.removeprefix("field:") for rule in DEFAULTS)
            self._line(f"ignored fields: {names} (all count with --no-default-ignores)", self._tones.quiet)
        if rules:
            self._line(f"also ignored: {printable(', '.join(rules), 1000)}", self._tones.quiet)

    def show(self, result: Result) -> None:
        """Write a line, and the differences below it."""
        tones = self._tones
        tone = {"same": tones.good, "different": tones.wrong, "failed": tones.failed, "skipped": tones.quiet}
        outcome = tone[result.outcome](f"{result.outcome:9}")
        head = f"{outcome} {result.flow:>4} {result.method} {self._url(result)}"
        if result.time > 1:
            head += f" (time {result.time})"
        if result.skipped or result.error:
            before = ", as it did before" if result.failed_before and result.error else ""
            self._write(f"{head}{before}\n           {result.skipped or result.error}\n")
            return
        status = f"{result.status or '-'}"
        if result.again != result.status:
            status += f" → {result.again or '-'}"
        taken = human_duration(result.duration_ns)
        found = result.report.differences
        words = f" · {_count(found, 'difference')}" if found else ""
        self._write(f"{head} · {status} · {taken}{words}\n")
        for shown, line in enumerate(self._differences(result)):
            if shown >= MOST_LINES and not self._verbose:
                self._line("           … -v prints all of them", tones.quiet)
                break
            self._write(f"           {line}\n")

    def _differences(self, result: Result) -> Iterator[str]:
        kinds = {*_SHOWN, Kind.MOVED, Kind.SPELLED, Kind.IGNORED} if self._verbose else _SHOWN
        for section in result.report.sections:
            for line in section.lines:
                if line.kind in kinds:
                    yield from self._difference(section, line)

    def _difference(self, section: DiffSection, line: DiffLine) -> Iterator[str]:
        tones = self._tones
        left, right = (self._text(section, line, text) for text in (line.left, line.right))
        where = f"{line.label} " if section.form in ("json", "bytes") else ""
        if line.kind is Kind.NOTE:
            yield tones.quiet(line.label)
        elif line.kind in (Kind.MOVED, Kind.SPELLED, Kind.IGNORED):
            words = {"moved": "moved", "spelled": "written otherwise", "ignored": "ignored"}[line.kind]
            yield tones.quiet(_cut(f"{words}: {where}{left or ''} → {right or ''}"))
        else:
            if left is not None:
                yield tones.failed(_cut(f"- {where}{left}"))
            if right is not None:
                yield tones.good(_cut(f"+ {where}{right}"))

    def _line(self, text: str, tone: Tone) -> None:
        self._write(f"{tone(text)}\n")

    def finish(self) -> None:
        """Write how many there were of each."""
        words = {
            "same": "same",
            "different": "different",
            "failed": "without an answer",
            "skipped": "not sent",
        }
        parts = [f"{count:,} {words[name]}" for name, count in self.counts.items() if count]
        self._line(", ".join(parts) or "no result", self._tones.strong)


class JsonResults(Results):
    """One object a line for each request, and a last one that counts them."""

    def show(self, result: Result) -> None:
        """Write an object."""
        self._put({
            "v": VERSION,
            "flow": result.flow,
            "time": result.time,
            "method": result.method,
            "url": self._url(result),
            "outcome": result.outcome,
            "status": [result.status or None, result.again or None],
            "duration_ms": round(result.duration_ns / 1e6, 3),
            "recorded_ms": round(result.recorded_ns / 1e6, 3),
            "error": result.error or result.skipped,
            "differences": result.report.differences,
            "ignored": result.report.ignored,
            "lines": [
                {
                    "part": section.title,
                    "form": section.form,
                    "kind": str(line.kind),
                    "at": line.label,
                    "left": self._text(section, line, line.left),
                    "right": self._text(section, line, line.right),
                }
                for section in result.report.sections
                for line in section.lines
                if line.kind not in (Kind.SAME, Kind.SKIPPED)
            ],
        })  # fmt: skip

    def finish(self) -> None:
        """Write the counts."""
        self._put({"v": VERSION, "counts": self.counts, "ignored_rules": list(self._ignore.rules)})

    def _put(self, value: object) -> None:
        text = msgspec.json.encode(value).decode()
        self._write(printable_block(text, as_json=True) + "\n")


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
