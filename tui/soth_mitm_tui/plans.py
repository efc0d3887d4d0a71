"""How a replay is to go: what a person types, judged field by field; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from soth_mitm.errors import ReplayError
from soth_mitm.policy.diff import DEFAULTS, Ignore, IgnoreError
from soth_mitm.policy.retargeting import parse_site, redirected

if TYPE_CHECKING:
    from soth_mitm.config import Limits
    from soth_mitm.policy.retargeting import Site
    from soth_mitm.record.resending import Resend

FIELDS: Final = ("to", "times", "concurrency", "timeout", "ignore")
_SECONDS: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|)")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0}
_LONGEST: Final = 24 * 3600.0


class Plan(NamedTuple):
    """How requests are sent."""

    to: Site | None = None
    """Another server; None for each request's own."""
    keep_host: bool = False
    """Whether the Host field stays as it is although they go elsewhere."""
    times: int = 1
    concurrency: int = 1
    timeout: float | None = None
    """Seconds; None for the setting's."""
    gaps: bool = False
    """Whether a WebSocket's messages go at the pace of the original."""
    rules: tuple[str, ...] = ()
    """What may differ, besides what may from the start."""

    @property
    def ignore(self) -> Ignore:
        """The rules, compiled."""
        return Ignore((*DEFAULTS, *self.rules))

    def applied_to(self, resend: Resend) -> Resend:
        """Return a request for the server that the plan names."""
        if self.to is None:
            return resend
        draft = redirected(resend.draft, self.to, keep_host=self.keep_host)
        return msgspec.structs.replace(resend, draft=draft)


class Judged(NamedTuple):
    """A plan, as far as it could be read, and what is wrong, by field."""

    plan: Plan
    faults: dict[str, str]


def judge(texts: Mapping[str, str], *, keep_host: bool = False, gaps: bool = False, limits: Limits) -> Judged:
    """Read what was typed into the fields; an empty one is as it is usually."""
    faults: dict[str, str] = {}
    plan = Plan(keep_host=keep_host, gaps=gaps)
    to = texts.get("to", "").strip()
    if to:
        try:
            plan = plan._replace(to=parse_site(to))
        except ReplayError as error:
            faults["to"] = str(error)
    times, concurrency = (
        _number(name, texts.get(name, ""), most, faults)
        for name, most in (("times", limits.replay_times), ("concurrency", limits.replay_concurrency))
    )
    plan = plan._replace(times=times, concurrency=concurrency)
    text = texts.get("timeout", "").strip()
    if text:
        match = _SECONDS.fullmatch(text)
        seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
        if 0 < seconds <= _LONGEST:
            plan = plan._replace(timeout=seconds)
        else:
            faults["timeout"] = f"{_what(text)} is no time: write seconds, 500ms or 2m"
    rules = tuple(texts.get("ignore", "").split())
    try:
        Ignore(rules)
        plan = plan._replace(rules=rules)
    except IgnoreError as error:
        faults["ignore"] = str(error)
    return Judged(plan, faults)


def _number(name: str, typed: str, most: int, faults: dict[str, str]) -> int:
    text = typed.strip().replace(",", "")
    if not text:
        return 1
    if text.isascii() and text.isdigit() and 1 <= int(text[:12]) <= most:
        return int(text[:12])
    faults[name] = f"{_what(text)} is no number from 1 to {most:,} (limits.replay_{name})"
    return 1


def _what(text: str) -> str:
    return repr(text if len(text) <= 20 else f"{text[:20]}…")
