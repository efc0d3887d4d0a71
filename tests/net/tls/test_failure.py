"""Why handshakes fail: tables of signals, and real handshakes on both loops."""

from __future__ import annotations

import asyncio
import errno
import re
import ssl
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.model.tls import FailureClass, TlsFailure
from soth_mitm.net.tls import reasons, signals
from soth_mitm.net.tls.failure import classify_client, classify_upstream
from soth_mitm.net.tls.profiles import TlsSettingsError
from soth_mitm.net.tls.roots import RootsError
from soth_mitm.net.tls.upstream import ClientCertificateError, ClientCertificateMissing, NameRequired


def client(
    exc: BaseException, *, alert: int | None = None, handshake_done: bool = False, bytes_after: int = 0
) -> TlsFailure:
    return classify_client(
        exc,
        sni="site.test",
        host="10.0.0.1",
        alert=alert,
        handshake_done=handshake_done,
        bytes_after=bytes_after,
    )


def upstream(exc: BaseException) -> TlsFailure:
    return classify_upstream(exc, host="site.test", port=443)


def ssl_error(reason: str | None, text: str = "", kind: type[ssl.SSLError] = ssl.SSLError) -> ssl.SSLError:
    """Make an error as the `_ssl` module does."""
    error = kind(1, text or f"[SSL: {reason}] {(reason or '').lower().replace('_', ' ')} (_ssl.c:1006)")
    error.reason = reason  # type: ignore[assignment]
    error.library = "SSL"
    return error


def verify_error(code: int, message: str = "") -> ssl.SSLCertVerificationError:
    text = f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {message} (_ssl.c:1006)"
    error = ssl_error("CERTIFICATE_VERIFY_FAILED", text, ssl.SSLCertVerificationError)
    assert isinstance(error, ssl.SSLCertVerificationError)
    error.verify_code, error.verify_message = code, message
    return error


@pytest.mark.parametrize(
    ("number", "failure_class", "reason"),
    [
        (0, "eof_or_reset", "client_closed_silently"),
        (40, "handshake", "client_alert"),
        (42, "cert_validation", "client_rejected_certificate"),
        (43, "cert_validation", "client_rejected_certificate"),
        (44, "cert_validation", "client_rejected_certificate"),
        (45, "cert_validation", "client_rejected_certificate"),
        (46, "cert_validation", "client_rejected_certificate"),
        (48, "unknown_ca", "client_rejected_ca"),
        (70, "handshake", "no_common_version"),
        (71, "handshake", "no_common_cipher"),
        (90, "handshake", "client_cancelled"),
        (120, "handshake", "no_common_protocol"),
        (200, "handshake", "client_alert"),
    ],
)
def test_an_alert_that_the_caller_saw_decides(number: int, failure_class: str, reason: str) -> None:
    failure = client(ConnectionResetError(), alert=number)
    assert (failure.failure_class, failure.reason, failure.alert) == (failure_class, reason, number)
    assert failure.source == "alert"


@pytest.mark.parametrize(
    ("code", "alert", "of_client", "of_upstream"),
    [
        ("TLSV1_ALERT_UNKNOWN_CA", 48, "client_rejected_ca", "client_certificate_unknown_ca"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", 42, "client_rejected_certificate", "client_certificate_rejected"),
        (
            "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
            43,
            "client_rejected_certificate",
            "client_certificate_rejected",
        ),
        ("SSLV3_ALERT_CERTIFICATE_REVOKED", 44, "client_rejected_certificate", "client_certificate_rejected"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", 45, "client_rejected_certificate", "client_certificate_rejected"),
        ("SSLV3_ALERT_CERTIFICATE_UNKNOWN", 46, "client_rejected_certificate", "client_certificate_rejected"),
        ("SSLV3_ALERT_NO_CERTIFICATE", 41, "client_rejected_certificate", "client_certificate_rejected"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", 40, "client_alert", "handshake_refused"),
        ("SSLV3_ALERT_ILLEGAL_PARAMETER", 47, "client_alert", "upstream_alert"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", 70, "no_common_version", "no_common_version"),
        ("TLSV1_ALERT_INSUFFICIENT_SECURITY", 71, "no_common_cipher", "no_common_cipher"),
        ("TLSV1_ALERT_INTERNAL_ERROR", 80, "client_alert", "upstream_alert"),
        ("TLSV1_ALERT_USER_CANCELLED", 90, "client_cancelled", "upstream_alert"),
        ("TLSV1_UNRECOGNIZED_NAME", 112, "client_alert", "unrecognized_name"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", 116, "client_alert", "client_certificate_required"),
        ("TLSV13_ALERT_MISSING_EXTENSION", 109, "client_alert", "upstream_alert"),
    ],
)
def test_an_alert_in_openssls_code_decides(code: str, alert: int, of_client: str, of_upstream: str) -> None:
    for failure, reason in ((client(ssl_error(code)), of_client), (upstream(ssl_error(code)), of_upstream)):
        assert (failure.reason, failure.alert) == (reason, alert)
        assert (failure.source, failure.confidence) == ("alert", "authoritative")


@pytest.mark.parametrize(
    ("text", "alert", "reason"),
    [
        ("[SSL] tlsv1 alert no application protocol (_ssl.c:1006)", 120, "no_common_protocol"),
        ("[SSL] tlsv1 alert unknown psk identity (_ssl.c:1006)", 115, "client_alert"),
    ],
)
def test_an_alert_without_a_code_is_read_from_openssls_text(text: str, alert: int, reason: str) -> None:
    failure = client(ssl_error(None, text))
    assert (failure.reason, failure.alert, failure.source) == (reason, alert, "alert")


@pytest.mark.parametrize(
    ("code", "failure_class", "reason"),
    [
        (2, "unknown_ca", "unknown_issuer"),
        (9, "cert_validation", "certificate_not_yet_valid"),
        (10, "cert_validation", "certificate_expired"),
        (18, "unknown_ca", "self_signed"),
        (19, "unknown_ca", "self_signed_in_chain"),
        (20, "unknown_ca", "unknown_issuer"),
        (21, "unknown_ca", "unknown_issuer"),
        (23, "cert_validation", "certificate_revoked"),
        (26, "cert_validation", "certificate_purpose"),
        (62, "cert_validation", "hostname_mismatch"),
        (64, "cert_validation", "ip_mismatch"),
        (66, "cert_validation", "certificate_weak"),
        (7, "cert_validation", "certificate_invalid"),
        (-67843, "unknown_ca", "unknown_issuer"),
        (-67602, "cert_validation", "hostname_mismatch"),
        (-67818, "cert_validation", "certificate_expired"),
        (0x800B0109, "unknown_ca", "unknown_issuer"),
        (0x800B0101 - (1 << 32), "cert_validation", "certificate_expired"),
        (0x800B010F, "cert_validation", "hostname_mismatch"),
    ],
)
def test_a_verify_code_decides_for_an_upstream(code: int, failure_class: str, reason: str) -> None:
    failure = upstream(verify_error(code, "whatever it says"))
    assert (failure.failure_class, failure.reason) == (failure_class, reason)
    assert (failure.source, failure.confidence) == ("verify_code", "authoritative")
    assert "whatever it says" in failure.detail


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("HTTP_REQUEST", "not_tls"),
        ("HTTPS_PROXY_REQUEST", "not_tls"),
        ("WRONG_VERSION_NUMBER", "not_tls"),
        ("UNSUPPORTED_PROTOCOL", "no_common_version"),
        ("NO_SHARED_CIPHER", "no_common_cipher"),
        ("NO_SUITABLE_KEY_SHARE", "no_common_cipher"),
        ("UNEXPECTED_EOF_WHILE_READING", "closed"),
        ("BAD_RECORD_TYPE", "protocol_error"),
        ("SOME_CODE_OF_THE_FUTURE", "protocol_error"),
        ("NO_CERTIFICATE_SET", "unclassified"),
    ],
)
def test_a_library_code_decides_where_there_is_no_alert(code: str, reason: str) -> None:
    expected = {"closed": ("client_closed_silently", "upstream_closed")}.get(reason, (reason, reason))
    failures = client(ssl_error(code)), upstream(ssl_error(code))
    assert tuple(failure.reason for failure in failures) == expected
    assert {failure.source for failure in failures} == {"ssl_error"}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("UNSAFE_LEGACY_RENEGOTIATION_DISABLED", "legacy_renegotiation"),
        ("DH_KEY_TOO_SMALL", "weak_key"),
        ("EE_KEY_TOO_SMALL", "certificate_weak"),
        ("CERTIFICATE_VERIFY_FAILED", "certificate_invalid"),
    ],
)
def test_a_library_code_that_only_an_upstream_causes(code: str, reason: str) -> None:
    assert upstream(ssl_error(code)).reason == reason


CLOSED = ("eof_or_reset", "client_closed_silently", "upstream_closed")
RESET = ("eof_or_reset", "client_reset", "upstream_reset")
LATE = ("timeout", "handshake_timeout", "handshake_timeout")
UNKNOWN = ("other", "unclassified", "unclassified")


@pytest.mark.parametrize(
    ("exc", "expected", "source"),
    [
        (ConnectionResetError(), CLOSED, "errno"),
        (EOFError(), CLOSED, "errno"),
        (asyncio.IncompleteReadError(b"", 5), CLOSED, "errno"),
        (ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed (EOF)"), CLOSED, "ssl_error"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), CLOSED, "ssl_error"),
        (ConnectionResetError(104, "Connection reset by peer"), RESET, "errno"),
        (BrokenPipeError(32, "Broken pipe"), RESET, "errno"),
        (OSError(errno.ENOTCONN, "not connected"), RESET, "errno"),
        (ConnectionAbortedError(errno.ECONNABORTED, "aborted"), RESET, "errno"),
        (TimeoutError(), LATE, "timeout"),
        (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), LATE, "errno"),
        (ConnectionAbortedError("SSL handshake is taking longer than 10 seconds"), LATE, "timeout"),
        (RuntimeError("boom"), UNKNOWN, "text"),
        (RuntimeError(), UNKNOWN, "text"),
    ],
)
def test_what_the_system_says_decides_next(
    exc: BaseException, expected: tuple[str, str, str], source: str
) -> None:
    failure_class, of_client, of_upstream = expected
    for failure, reason in ((client(exc), of_client), (upstream(exc), of_upstream)):
        assert (failure.failure_class, failure.reason, failure.source) == (failure_class, reason, source)
        assert failure.detail


def test_a_client_that_goes_away_is_inferred_and_one_that_says_why_is_not() -> None:
    assert client(ConnectionResetError()).confidence == "inferred"
    assert client(ConnectionResetError(104, "reset")).confidence == "inferred"
    assert client(ssl_error("TLSV1_ALERT_UNKNOWN_CA")).confidence == "authoritative"
    assert upstream(ConnectionResetError()).confidence == "authoritative"
    assert upstream(TimeoutError()).confidence == "authoritative"


def test_a_client_that_closes_after_the_handshake_without_a_byte_has_probably_refused_us() -> None:
    failure = client(EOFError(), handshake_done=True)
    assert (failure.reason, failure.confidence) == ("client_closed_silently", "inferred")
    assert "probably refused" in failure.hint


def test_a_client_that_closes_after_data_has_not_refused_us() -> None:
    failure = client(ConnectionResetError(104, "reset"), handshake_done=True, bytes_after=1)
    assert (failure.reason, failure.failure_class) == ("connection_lost", "eof_or_reset")
    assert "--tunnel" not in failure.hint


def test_an_alert_after_data_still_says_what_it_says() -> None:
    assert client(ssl_error("SSLV3_ALERT_BAD_CERTIFICATE"), handshake_done=True, bytes_after=9).alert == 42


def test_a_wrapper_is_asked_for_its_cause() -> None:
    wrapper = RuntimeError("dial failed")
    wrapper.__cause__ = verify_error(10)
    assert upstream(wrapper).reason == "certificate_expired"


REAL_TEXTS = [
    line.split(" | ", 2)
    for line in Path(__file__).with_name("texts.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(("side", "failure_class", "text"), REAL_TEXTS)
def test_words_alone_tell_the_class_of_a_real_error_text(side: str, failure_class: str, text: str) -> None:
    failure = client(RuntimeError(text)) if side == "client" else upstream(RuntimeError(text))
    assert failure.failure_class == failure_class
    assert (failure.source, failure.confidence) == ("text", "inferred")


def test_the_texts_are_many_and_of_every_class() -> None:
    assert len(REAL_TEXTS) >= 100
    assert {failure_class for _, failure_class, _ in REAL_TEXTS} == set(get_args(FailureClass))


@pytest.mark.parametrize("peer", ["client", "upstream"])
def test_each_hint_is_one_sentence_that_names_the_host(peer: str) -> None:
    table = reasons.CLIENT if peer == "client" else reasons.UPSTREAM
    for code, reason in table.items():
        hint = reason.hint.format(host="site.test", site="site.test:443")
        assert hint.isprintable(), code
        assert hint.endswith("."), code
        assert not re.search(r"\.\s+[A-Z]", hint), code
        if (
            "client speaks no" not in hint
            and "The client offers no" not in hint
            and "wants a protocol" not in hint
        ):
            assert "site.test" in hint, code


def test_the_hint_for_an_unknown_ca_says_both_ways_out() -> None:
    failure = client(ssl_error("TLSV1_ALERT_UNKNOWN_CA"))
    assert "soth-mitm ca export" in failure.hint
    assert "--tunnel site.test" in failure.hint


def test_the_host_stands_in_for_a_missing_sni() -> None:
    failure = classify_client(ssl_error("TLSV1_ALERT_UNKNOWN_CA"), sni=None, host="10.0.0.1")
    assert "--tunnel 10.0.0.1" in failure.hint


def test_an_ipv6_upstream_is_written_with_brackets() -> None:
    assert "[::1]:8443" in classify_upstream(TimeoutError(), host="::1", port=8443).hint


def test_every_reason_of_the_tables_exists() -> None:
    library = signals.LIBRARY_CODES.values()
    words_of_client = [reason for _, reason in signals.CLIENT_WORDS]
    words_of_upstream = [reason for _, reason in signals.UPSTREAM_WORDS]
    assert {*signals.CLIENT_ALERTS.values(), *library, *words_of_client} <= reasons.CLIENT.keys()
    of_upstream = {*signals.UPSTREAM_ALERTS.values(), *library, *signals.UPSTREAM_LIBRARY_CODES.values()}
    assert of_upstream | {*words_of_upstream, *signals.VERIFY_CODES.values()} <= reasons.UPSTREAM.keys()


OF_SETTINGS = (ClientCertificateError, ClientCertificateMissing, NameRequired, RootsError, TlsSettingsError)


def test_every_reason_can_come_up() -> None:
    of_client = {
        *signals.CLIENT_ALERTS.values(),
        *signals.LIBRARY_CODES.values(),
        *signals.CLIENT_LIBRARY_CODES.values(),
        "client_alert", "client_reset", "connection_lost",
        "handshake_timeout", "protocol_error", "unclassified",
    }  # fmt: skip
    assert of_client == reasons.CLIENT.keys()
    of_upstream = {
        *signals.UPSTREAM_ALERTS.values(),
        *signals.LIBRARY_CODES.values(),
        *signals.UPSTREAM_LIBRARY_CODES.values(),
        *signals.VERIFY_CODES.values(),
        *(error.tls_reason for error in OF_SETTINGS),
        "upstream_alert", "upstream_reset", "handshake_timeout", "protocol_error", "unclassified",
    }  # fmt: skip
    assert of_upstream == reasons.UPSTREAM.keys()


@given(
    st.text(),
    st.text(max_size=80),
    st.sampled_from([RuntimeError, OSError, ssl.SSLError, ConnectionResetError]),
)
def test_hostile_texts_and_names_come_out_printable(text: str, host: str, kind: type[Exception]) -> None:
    for failure in (
        classify_client(kind(text), sni=host, host="h"),
        classify_upstream(kind(text), host=host, port=1),
    ):
        assert len(failure.detail) <= 500
        assert "\x1b" not in failure.detail + failure.hint
        assert "\n" not in failure.detail + failure.hint
        assert "\u202e" not in failure.detail + failure.hint
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(failure), type=TlsFailure) == failure


def test_a_host_with_braces_does_not_break_the_hint() -> None:
    assert "{host}" in classify_upstream(TimeoutError(), host="{host}", port=1).hint
