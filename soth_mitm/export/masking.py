"""Masking by rules of a person's own beside those that always hold, and an account of what was masked."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

import msgspec

from soth_mitm.errors import ConfigError
from soth_mitm.export.redact import MASK, SHAPES, Masker
from soth_mitm.text import printable

NAMED: Final = 200
"""Different things that are counted by name; what comes beyond is counted together."""

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\*)\]")
_KINDS: Final = {"field": "field", "cookie": "cookie", "query": "parameter", "member": "JSON member"}

Path = tuple[str | int, ...]


class Rules(msgspec.Struct, frozen=True):
    """What is masked beside, or in place of, the rules that always hold. Names do not mind case."""

    fields: frozenset[str] = frozenset()
    cookies: frozenset[str] = frozenset()
    queries: frozenset[str] = frozenset()
    paths: tuple[Path, ...] = ()
    patterns: tuple[re.Pattern[str], ...] = ()
    kept: frozenset[str] = frozenset()
    """Names that are no secrets."""
    defaults: bool = True


def rules_of(
    *,
    fields: Iterable[str] = (),
    cookies: Iterable[str] = (),
    queries: Iterable[str] = (),
    paths: Iterable[str] = (),
    patterns: Iterable[str] = (),
    kept: Iterable[str] = (),
    defaults: bool = True,
) -> Rules:
    """Return the rules of texts, as they stand on a command line.

    Raises:
        ConfigError: a path or a pattern is wrong; the text says where.
    """
    compiled = []
    for text in patterns:
        try:
            pattern = re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            raise ConfigError(f"--match {text!r}: {error}") from error
        if pattern.match(""):
            raise ConfigError(
                f"--match {text!r} matches nothing at all, and so everywhere; say what it looks for"
            )
        compiled.append(pattern)

    def names(given: Iterable[str]) -> frozenset[str]:
        return frozenset(each.lower() for each in given)

    return Rules(
        names(fields),
        names(cookies),
        names(queries),
        tuple(map(path_of, paths)),
        tuple(compiled),
        names(kept),
        defaults,
    )


def path_of(text: str) -> Path:
    """Return the steps of a path such as `$.user.keys[*].value`.

    Raises:
        ConfigError: it is none.
    """
    steps: list[str | int] = []
    at = 1
    while text[:1] == "$" and at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            break
        name, index = match[1], match[2]
        steps.append(name if name is not None else "*" if index == "*" else int(index))
        at = match.end()
    if not steps or at != len(text):
        raise ConfigError(
            f"--json {text!r} is no path; write one as $.user.keys[*].value ([*] and * are any)"
        )
    return tuple(steps)


class Masks(Masker):
    """Masks by `Rules`, and counts."""

    def __init__(self, rules: Rules = Rules()) -> None:  # noqa: B008 - it is frozen
        self.counts: Counter[str] = Counter()
        """How often each thing was masked, by what is shown of it."""
        self._rules = rules
        self._named = {"field": rules.fields, "cookie": rules.cookies, "query": rules.queries}

    def account(self) -> str:
        """Return what was masked, in words; empty where nothing was."""
        return ", ".join(f"{count:,} of {what}" for what, count in self.counts.most_common())

    def secret(self, kind: str, name: str) -> bool:
        """See `Masker.secret`."""
        lower = name.lower()
        rules = self._rules
        found = lower in self._named.get(kind, ()) or (rules.defaults and super().secret(kind, name))
        if found and lower not in rules.kept:
            self._count(f"{_KINDS[kind]} {printable(name, 60)}".rstrip())
            return True
        return False

    def noted_shape(self, name: str) -> str:
        """See `Masker.noted_shape`."""
        self._count(name)
        return MASK

    def keys(self, text: str) -> str:
        """See `Masker.keys`."""
        if self._rules.defaults:
            text = super().keys(text)
        for pattern in self._rules.patterns:
            text, count = pattern.subn(MASK, text)
            if count:
                self._count(f"match of {printable(pattern.pattern, 60)}", count)
        return text

    def body(self, text: str, kind: str) -> str:
        """See `Masker.body`; values at the paths of a person's are masked first, which lays JSON out anew."""
        if self._rules.paths and text.lstrip()[:1] in ("{", "["):
            try:
                value = json.loads(text)
                changed = [path for path in self._rules.paths if _mask_at(value, path)]
            except (ValueError, RecursionError):
                changed = []
            if changed:
                text = json.dumps(value, ensure_ascii=False)
                for path in changed:
                    self._count(f"JSON {_words(path)}")
        return super().body(text, kind)

    def binary(self, data: bytes) -> bytes:
        """Mask keys in bytes that are no text, by as many characters as they have, so that nothing moves."""
        text = data.decode("latin-1")
        masked = self._same_length(text)
        return masked.encode("latin-1") if masked != text else data

    def _same_length(self, text: str) -> str:
        for name, shape in SHAPES.items() if self._rules.defaults else ():
            text = re.sub(shape, partial(self._stars, name), text, flags=re.DOTALL)
        return text

    def _stars(self, name: str, match: re.Match[str]) -> str:
        self._count(name)
        return "*" * len(match[0])

    def _count(self, what: str, count: int = 1) -> None:
        if what not in self.counts and len(self.counts) >= NAMED:
            what = "others"
        self.counts[what] += count


def _words(path: Path) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def _mask_at(value: Any, path: Path) -> bool:  # noqa: ANN401 - any JSON
    """Mask what stands at a path; return whether anything does."""
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        keys = list(value) if step == "*" else [step] if step in value else []
    elif isinstance(value, list):
        inside = isinstance(step, int) and step < len(value)
        keys = list(range(len(value))) if step == "*" else [step] if inside else []
    else:
        return False
    found = False
    for key in keys:
        if rest:
            found |= _mask_at(value[key], rest)
        else:
            value[key] = MASK
            found = True
    return found
