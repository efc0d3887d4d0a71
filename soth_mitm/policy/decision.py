"""What is done with a connection: decided once, from host, SNI and port, with its reason."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from enum import StrEnum

import msgspec

from soth_mitm.config import Config, HostRule
from soth_mitm.policy.tls import UpstreamRule


class Action(StrEnum):
    """What the proxy does with a connection."""

    INTERCEPT = "intercept"
    TUNNEL = "tunnel"
    BLOCK = "block"
    METADATA_ONLY = "metadata-only"
    """Decrypt, and record heads, sizes and times, but never bodies."""


class Decision(msgspec.Struct, frozen=True):
    """An immutable decision for one connection; a reload never changes it."""

    action: Action
    reason: str
    """Stable code: `default_intercept`, `tunnel_option`, `block_option`, `rule`, `handler_veto`, …"""
    rule: str = ""
    """The glob that matched."""
    insecure: bool = False
    lenient: bool = False
    no_h2: bool = False
    tls: UpstreamRule = UpstreamRule()

    @property
    def overrides(self) -> tuple[str, ...]:
        """The per-host overrides in force, for the event."""
        names = ("insecure", "lenient", "no_h2")
        return (*(name for name in names if getattr(self, name)), *self.tls.overrides)


Matcher = Callable[[str, int], bool]


def compile_glob(glob: str) -> Matcher:
    """Compile a host glob: `host`, `*.suffix` (the suffix itself too), `host:port`, `*:port`, `[v6]:port`.

    Case is ignored. `*` and `?` work as in a shell, within the host.
    """
    host, port = _split(glob.strip().lower())
    if host.startswith("*.") and "*" not in host[2:] and "?" not in host:
        suffix = host[1:]
        apex = host[2:]

        def matches_suffix(name: str, at: int) -> bool:
            return (name.endswith(suffix) or name == apex) and port in (None, at)

        return matches_suffix
    pattern = re.compile(fnmatch.translate(host))

    def matches(name: str, at: int) -> bool:
        return pattern.match(name) is not None and port in (None, at)

    return matches


def _split(glob: str) -> tuple[str, int | None]:
    if glob.startswith("["):
        host, _, rest = glob[1:].partition("]")
        return host, int(rest[1:]) if rest[1:].isdigit() else None
    host, colon, port = glob.rpartition(":")
    if colon and port.isdigit() and ":" not in host:
        return host, int(port)
    return glob, None


class Policy:
    """The decisions of one configuration. Blocks win over tunnels, tunnels over rules, in list order."""

    def __init__(self, config: Config) -> None:
        self._insecure = config.insecure
        self._tls = config.tls
        self._rows: list[tuple[Matcher, Decision]] = []
        for glob in config.block:
            self._add(HostRule(match=glob, action="block"), "block_option")
        for glob in config.tunnel:
            self._add(HostRule(match=glob, action="tunnel"), "tunnel_option")
        ordered = sorted(config.rules, key=lambda rule: rule.action != "block")
        for rule in ordered:
            self._add(rule, "rule")
        self._default = Decision(
            Action.INTERCEPT,
            "default_intercept",
            insecure=config.insecure,
            tls=UpstreamRule.of(config.tls),
        )

    def _add(self, rule: HostRule, reason: str) -> None:
        decision = Decision(
            Action(rule.action),
            reason,
            rule=rule.match,
            insecure=rule.insecure or self._insecure,
            lenient=rule.lenient,
            no_h2=rule.no_h2,
            tls=UpstreamRule.of(self._tls, rule),
        )
        self._rows.append((compile_glob(rule.match), decision))

    def decide(self, host: str, port: int, sni: str = "") -> Decision:
        """Return the decision for a target; a rule matches on the host asked for or on the SNI."""
        host, sni = host.lower().rstrip("."), sni.lower().rstrip(".")
        for matches, decision in self._rows:
            if matches(host, port) or (sni and sni != host and matches(sni, port)):
                return decision
        return self._default
