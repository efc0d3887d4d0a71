"""Why a handshake failed: from an exception, and what is known around it, to a reason and a hint.

Pure: nothing is read but the arguments. Signals are asked in the order of trust: the peer's alert,
the verifier's code, the TLS library's code, the operating system's code, and words last. Only what
a peer or a library stated is called authoritative; a client that just goes away is inferred.
"""

from __future__ import annotations

import errno
import re
import ssl
from typing import Literal, NamedTuple

import msgspec

from soth_mitm.model.tls import Confidence, FailureSource, TlsFailure
from soth_mitm.net.tls import reasons, signals
from soth_mitm.text import printable

MAX_DETAIL = 500
"""Most characters kept of a raw error text."""

_ALERT_BY_NAME = {name.replace("_", ""): number for number, name in signals.ALERTS.items()}
_ALERT_CODE = re.compile(r"(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?(?P<name>[A-Z_]+)")
_SPELLINGS = {"usercancelled": 90, "nocertificate": 41}
_RESET_ERRNOS = frozenset(
    {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN, errno.ESHUTDOWN}
)


class _Side(NamedTuple):
    """The tables of one side."""

    peer: Literal["client", "upstream"]
    reasons: dict[str, reasons.Reason]
    alerts: dict[int, str]
    other_alert: str
    library: dict[str, str]
    words: tuple[tuple[re.Pattern[str], str], ...]
    closed: str
    reset: str


_CLIENT = _Side(
    "client",
    reasons.CLIENT,
    signals.CLIENT_ALERTS,
    "client_alert",
    signals.LIBRARY_CODES | signals.CLIENT_LIBRARY_CODES,
    signals.CLIENT_WORDS,
    "client_closed_silently",
    "client_reset",
)
_UPSTREAM = _Side(
    "upstream",
    reasons.UPSTREAM,
    signals.UPSTREAM_ALERTS,
    "upstream_alert",
    signals.LIBRARY_CODES | signals.UPSTREAM_LIBRARY_CODES,
    signals.UPSTREAM_WORDS,
    "upstream_closed",
    "upstream_reset",
)


class _Verdict(NamedTuple):
    reason: str
    source: FailureSource
    confidence: Confidence = "authoritative"
    alert: int | None = None


def classify_client(
    exc: BaseException,
    *,
    sni: str | None,
    host: str,
    alert: int | None = None,
    handshake_done: bool = False,
    bytes_after: int = 0,
) -> TlsFailure:
    """Say why the handshake with a client failed.

    `alert` is the number of the alert that the client sent, where the caller saw it. With
    `handshake_done`, `bytes_after` counts the decrypted bytes that came: none before the end means
    that the client probably refused the certificate after all, as some do only then.
    """
    exc = _root(exc)
    verdict = _judge(exc, _CLIENT, alert)
    went_away = verdict.reason in {"client_closed_silently", "client_reset"}
    if went_away and handshake_done and bytes_after:
        verdict = _Verdict("connection_lost", verdict.source, alert=verdict.alert)
    elif went_away:
        # What the client did is a fact; that it did it because of the certificate is not.
        verdict = verdict._replace(confidence="inferred")
    name = printable(sni or host, 255)
    return _failure(exc, _CLIENT, verdict, host=name, site=name)


def classify_upstream(
    exc: BaseException, *, host: str, port: int, answered: bool = False, shown: bool = False
) -> TlsFailure:
    """Say why the handshake with an upstream failed, during it or (TLS 1.3) in its first answer.

    `answered` says that the server had sent its own hello: a refusal without a reason after that is,
    as far as can be concluded, about the client certificate, of which `shown` says whether we have one.

    An error of ours that carries a `tls_reason` says that our settings did not let it begin.
    """
    own = getattr(exc, "tls_reason", "")
    verdict = _Verdict(own, "settings") if own in reasons.UPSTREAM else None
    exc = _root(exc) if verdict is None else exc
    name = printable(host, 255)
    site = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    if verdict is None:
        verdict = _judge(exc, _UPSTREAM, None)
        if verdict.reason == "handshake_refused" and answered:
            reason = "client_certificate_rejected" if shown else "client_certificate_required"
            verdict = verdict._replace(reason=reason, confidence="inferred")
        return _failure(exc, _UPSTREAM, verdict, host=name, site=site)
    failed = _failure(exc, _UPSTREAM, verdict, host=name, site=site)
    return msgspec.structs.replace(
        failed, hint=f"{failed.detail}; {failed.hint[:1].lower()}{failed.hint[1:]}"
    )


def _root(exc: BaseException) -> BaseException:
    """Return the error that a wrapper was raised from, if the wrapper itself carries no code."""
    for _ in range(8):
        if isinstance(exc, OSError | EOFError) or exc.__cause__ is None:
            break
        exc = exc.__cause__
    return exc


def _failure(exc: BaseException, side: _Side, verdict: _Verdict, *, host: str, site: str) -> TlsFailure:
    reason = side.reasons[verdict.reason]
    detail = str(exc) or type(exc).__name__
    return TlsFailure(
        peer=side.peer,
        failure_class=reason.failure_class,
        reason=verdict.reason,
        source=verdict.source,
        confidence=verdict.confidence,
        detail=printable(detail, MAX_DETAIL),
        alert=verdict.alert,
        hint=reason.hint.format(host=host, site=site),
    )


def _judge(exc: BaseException, side: _Side, alert: int | None) -> _Verdict:
    """Ask the signals in the order of trust."""
    if alert is None and isinstance(exc, ssl.SSLError):
        alert = _alert_of(exc)
    if alert is not None:
        return _Verdict(side.alerts.get(alert, side.other_alert), "alert", alert=alert)
    return (
        _by_verify_code(exc, side) or _by_library(exc, side) or _by_system(exc, side) or _by_words(exc, side)
    )


def _alert_of(exc: ssl.SSLError) -> int | None:
    """Return the alert that OpenSSL reports; those it has no code for stand in its text alone."""
    code = _code(exc)
    if code:
        match = _ALERT_CODE.fullmatch(code)
        if match is None:
            return None
        name = match["name"].replace("_", "").lower()
        return _ALERT_BY_NAME.get(name, _SPELLINGS.get(name))
    return _alert_in(str(exc))


def _code(exc: BaseException) -> str:
    """Return OpenSSL's own code; errors that were not raised by OpenSSL itself lack the attribute."""
    return getattr(exc, "reason", None) or ""


def _alert_in(text: str) -> int | None:
    match = signals.ALERT_TEXT.search(text)
    if match is not None:
        return _ALERT_BY_NAME[re.sub(r"[ _]", "", match["name"]).lower()]
    match = signals.ALERT_NUMBER.search(text)
    number = int(match["number"]) if match is not None else -1
    return number if 0 <= number <= 255 else None


def _by_verify_code(exc: BaseException, side: _Side) -> _Verdict | None:
    if side is not _UPSTREAM or not isinstance(exc, ssl.SSLCertVerificationError):
        return None
    code = getattr(exc, "verify_code", 0)
    if not code:
        return None
    # A verifier of the operating system may hand its code over signed.
    reason = signals.VERIFY_CODES.get(code) or signals.VERIFY_CODES.get(code & 0xFFFFFFFF)
    return _Verdict(reason or "certificate_invalid", "verify_code")


def _by_library(exc: BaseException, side: _Side) -> _Verdict | None:
    if isinstance(exc, ssl.SSLZeroReturnError | ssl.SSLEOFError):
        return _Verdict(side.closed, "ssl_error")
    code = _code(exc)
    if not isinstance(exc, ssl.SSLError) or not code:
        return None
    if code == "UNEXPECTED_EOF_WHILE_READING":
        return _Verdict(side.closed, "ssl_error")
    reason = side.library.get(code)
    if reason is None:
        reason = "unclassified" if code in signals.OWN_FAULTS else "protocol_error"
    return _Verdict(reason, "ssl_error")


def _by_system(exc: BaseException, side: _Side) -> _Verdict | None:
    if isinstance(exc, ssl.SSLError):
        return None
    if isinstance(exc, TimeoutError):
        return _Verdict("handshake_timeout", "timeout" if exc.errno is None else "errno")
    if isinstance(exc, ConnectionAbortedError) and exc.errno is None:
        # Both loops raise this without a number when the handshake's own deadline has passed.
        return _Verdict("handshake_timeout", "timeout")
    if isinstance(exc, EOFError) or (isinstance(exc, ConnectionResetError) and exc.errno is None):
        return _Verdict(side.closed, "errno")
    if isinstance(exc, ConnectionError) or (isinstance(exc, OSError) and exc.errno in _RESET_ERRNOS):
        return _Verdict(side.reset, "errno")
    if isinstance(exc, OSError) and exc.errno == errno.ETIMEDOUT:
        return _Verdict("handshake_timeout", "errno")
    return None


def _by_words(exc: BaseException, side: _Side) -> _Verdict:
    text = str(exc)
    alert = _alert_in(text)
    if alert is not None:
        return _Verdict(side.alerts.get(alert, side.other_alert), "text", "inferred", alert)
    for pattern, reason in side.words:
        if pattern.search(text):
            return _Verdict(reason, "text", "inferred")
    return _Verdict("unclassified", "text", "inferred")
