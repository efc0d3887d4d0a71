"""Events of a run as a whole: they carry neither a conn nor a flow."""

from __future__ import annotations

from typing import Literal

from soth_mitm.model.events.base import SCHEMA, Body


class SessionStarted(Body, frozen=True):
    """The stream begins: the first event of a run."""

    KIND = 0x0101
    run_id: str
    version: str
    schema: int = SCHEMA
    platform: str = ""


class CaLoaded(Body, frozen=True):
    """The certificate authority is ready."""

    KIND = 0x0102
    path: str
    fingerprint_sha256: str
    key: str
    created: bool
    not_after: int = 0
    """Seconds since 1970."""
    private: bool | None = None
    """Whether nobody else can read the key; None: not known."""
    trusted: bool | None = None
    """Whether the system's trust store has it."""


class ListenerOpened(Body, frozen=True):
    """The proxy accepts connections at an address."""

    KIND = 0x0103
    host: str
    port: int
    mode: str = "regular"


class ListenerClosed(Body, frozen=True):
    """The proxy no longer accepts connections at an address."""

    KIND = 0x0104
    host: str
    port: int


class ConfigReloaded(Body, frozen=True):
    """Settings changed for connections made from now on; what is in flight keeps its own."""

    KIND = 0x0105
    changed: tuple[str, ...]


class LimitReached(Body, frozen=True):
    """A named budget (docs/limits.md) was used up; `action` says what the proxy did about it."""

    KIND = 0x0106
    name: str
    value: int
    action: str


class CaptureGap(Body, frozen=True):
    """Something was not recorded: `flow` 0 means events of many flows."""

    KIND = 0x0107
    gap_flow: int
    bytes: int
    events: int
    cause: str


class CaptureSwitched(Body, frozen=True):
    """Whether flows that begin from here on are told; those that had begun are told to their end."""

    KIND = 0x0110
    on: bool
    passed: int = 0
    """Flows that passed untold since it was switched off."""


class BreakerChanged(Body, frozen=True):
    """An upstream failed so often in a row that it is left alone for a moment, or can be reached again."""

    KIND = 0x0109
    host: str
    port: int
    state: Literal["open", "closed"]
    failures: int
    """In a row, so far."""
    cause: str
    """Code of the last failure."""
    seconds: float = 0.0
    """For how long no attempt is made."""
    via: str = ""
    """The proxy on the way to it."""


class Notice(Body, frozen=True):
    """A message to the person, about no single flow."""

    KIND = 0x0108
    level: Literal["info", "warning", "error"]
    text: str


class SessionEnded(Body, frozen=True):
    """The stream ends: the last event of a run that was not cut off."""

    KIND = 0x01FF
    reason: str
