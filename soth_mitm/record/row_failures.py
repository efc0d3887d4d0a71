"""What events that tell of failures and refusals leave on a row: a few words, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from soth_mitm.model import events as e
from soth_mitm.model import outcomes
from soth_mitm.record.memos import SHORTS
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row

_HINT_LIMIT: Final = 400
"""Most characters of a hint that a row keeps."""


def _handler_failed(row: Row, event: e.Event, body: e.HandlerFailed) -> None:
    if body.outcome == "closed":
        row.outcome = "handler failed"


def _tls_failed(row: Row, event: e.Event, body: e.TlsFailed) -> None:
    failure = body.failure
    row.tls_reason = SHORTS[failure.reason]
    row.tls_peer = failure.peer
    row.outcome = outcomes.tls_words(failure)
    row.hint = printable(failure.hint, _HINT_LIMIT)


def _dial_failed(row: Row, event: e.Event, body: e.DialFailed) -> None:
    row.outcome = outcomes.dial_words(body.stage, body.code)
    row.hint = outcomes.dial_hint(body.stage, body.code, row.host, row.port, body.via)


def _refused(row: Row, event: e.Event, body: e.ConnectRefused) -> None:
    row.guard = SHORTS[body.code]
    row.outcome = outcomes.refused_words(row.guard)
    row.hint = outcomes.refused_hint(row.guard)
    if not row.status:
        row.status = body.status


def _guard(row: Row, event: e.Event, body: e.GuardTripped) -> None:
    row.guard = SHORTS[body.code]
    row.outcome = outcomes.refused_words(row.guard)
    row.hint = printable(body.hint, _HINT_LIMIT) or outcomes.refused_hint(row.guard)


def _noted(row: Row, event: e.Event, body: e.Noted) -> None:
    if body.code == outcomes.LEARNED and row.kind == "tunnel":
        row.outcome = outcomes.guard_words(outcomes.LEARNED)
        row.hint = outcomes.LEARNED_HINT.format(host=row.sni or row.host)
    elif body.code in outcomes.OTHER_VERSION:
        row.outcome = outcomes.OTHER_VERSION[body.code][0]
        row.hint = outcomes.version_hint(body.code, row.host, row.port)
    elif body.code == outcomes.DEADLINE:
        row.outcome = outcomes.DEADLINE_WORDS


FAILED: Final[dict[type[e.Body], Callable[[Row, e.Event, Any], None]]] = {
    e.HandlerFailed: _handler_failed,
    e.TlsFailed: _tls_failed,
    e.DialFailed: _dial_failed,
    e.ConnectRefused: _refused,
    e.GuardTripped: _guard,
    e.Noted: _noted,
}
"""How each of these is folded into a row."""
