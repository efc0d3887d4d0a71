"""What the raw signals of a failed handshake stand for: alerts, verify codes, library codes, words.

Tables only. Each maps a signal to a reason code of `reasons`; `failure` asks them in the order of
trust. A signal that means another thing on each side stands in a table of each.
"""

from __future__ import annotations

import re

ALERTS: dict[int, str] = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    60: "export_restriction",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    111: "certificate_unobtainable",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    114: "bad_certificate_hash_value",
    115: "unknown_psk_identity",
    116: "certificate_required",
    117: "general_error",
    120: "no_application_protocol",
    121: "ech_required",
}
"""The alerts that IANA lists, by number."""

_CERTIFICATE_ALERTS = (41, 42, 43, 44, 45, 46, 111, 113, 114)

CLIENT_ALERTS: dict[int, str] = {
    **dict.fromkeys(_CERTIFICATE_ALERTS, "client_rejected_certificate"),
    0: "client_closed_silently",
    48: "client_rejected_ca",
    70: "no_common_version",
    86: "no_common_version",
    71: "no_common_cipher",
    90: "client_cancelled",
    120: "no_common_protocol",
}
UPSTREAM_ALERTS: dict[int, str] = {
    **dict.fromkeys(_CERTIFICATE_ALERTS, "client_certificate_rejected"),
    0: "upstream_closed",
    40: "handshake_refused",
    48: "client_certificate_unknown_ca",
    70: "no_common_version",
    86: "no_common_version",
    71: "no_common_cipher",
    112: "unrecognized_name",
    116: "client_certificate_required",
    120: "no_common_protocol",
}

VERIFY_CODES: dict[int, str] = {
    # OpenSSL 3, x509_vfy.h
    2: "unknown_issuer",
    9: "certificate_not_yet_valid",
    10: "certificate_expired",
    18: "self_signed",
    19: "self_signed_in_chain",
    20: "unknown_issuer",
    21: "unknown_issuer",
    23: "certificate_revoked",
    25: "certificate_purpose",
    26: "certificate_purpose",
    27: "unknown_issuer",
    28: "certificate_purpose",
    32: "certificate_purpose",
    37: "certificate_purpose",
    39: "certificate_purpose",
    62: "hostname_mismatch",
    64: "ip_mismatch",
    66: "certificate_weak",
    67: "certificate_weak",
    68: "certificate_weak",
    79: "certificate_purpose",
    # macOS, SecBase.h
    -67602: "hostname_mismatch",
    -67818: "certificate_expired",
    -67819: "certificate_not_yet_valid",
    -67820: "certificate_revoked",
    -67843: "unknown_issuer",
    # Windows, winerror.h
    0x800B0101: "certificate_expired",
    0x800B0109: "unknown_issuer",
    0x800B010A: "unknown_issuer",
    0x800B010C: "certificate_revoked",
    0x800B010F: "hostname_mismatch",
    0x800B0110: "certificate_purpose",
    0x80092010: "certificate_revoked",
}
"""Why verification failed; a code that is not here is `certificate_invalid`."""

LIBRARY_CODES: dict[str, str] = {
    **dict.fromkeys(
        (
            "HTTP_REQUEST",
            "HTTPS_PROXY_REQUEST",
            "WRONG_VERSION_NUMBER",
            "UNKNOWN_PROTOCOL",
            "PACKET_LENGTH_TOO_LONG",
            "RECORD_LAYER_FAILURE",
        ),
        "not_tls",
    ),
    **dict.fromkeys(
        (
            "UNSUPPORTED_PROTOCOL",
            "UNSUPPORTED_SSL_VERSION",
            "WRONG_SSL_VERSION",
            "NO_PROTOCOLS_AVAILABLE",
            "VERSION_TOO_LOW",
            "VERSION_TOO_HIGH",
            "INAPPROPRIATE_FALLBACK",
        ),
        "no_common_version",
    ),
    **dict.fromkeys(
        (
            "NO_SHARED_CIPHER",
            "NO_CIPHERS_AVAILABLE",
            "NO_SHARED_GROUPS",
            "NO_SUITABLE_GROUPS",
            "NO_SUITABLE_KEY_SHARE",
            "NO_SHARED_SIGNATURE_ALGORITHMS",
            "NO_SUITABLE_SIGNATURE_ALGORITHM",
            "INSUFFICIENT_SECURITY",
            "UNKNOWN_CIPHER_RETURNED",
            "WRONG_CIPHER_RETURNED",
        ),
        "no_common_cipher",
    ),
    "NO_APPLICATION_PROTOCOL": "no_common_protocol",
}
"""What OpenSSL's own codes mean on either side; for codes that are not alerts."""

CLIENT_LIBRARY_CODES: dict[str, str] = {"CERTIFICATE_VERIFY_FAILED": "client_certificate_refused"}

UPSTREAM_LIBRARY_CODES: dict[str, str] = {
    "CERTIFICATE_VERIFY_FAILED": "certificate_invalid",
    "EE_KEY_TOO_SMALL": "certificate_weak",
    "CA_KEY_TOO_SMALL": "certificate_weak",
    "CA_MD_TOO_WEAK": "certificate_weak",
    "DH_KEY_TOO_SMALL": "weak_key",
    "BAD_DH_VALUE": "weak_key",
    "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED": "weak_key",
    "WRONG_SIGNATURE_TYPE": "weak_key",
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": "legacy_renegotiation",
}

OWN_FAULTS = frozenset(
    {
        "NO_CERTIFICATE_SET",
        "NO_CERTIFICATE_ASSIGNED",
        "NO_PRIVATE_KEY_ASSIGNED",
        "LIBRARY_BUG",
        "NULL_SSL_CTX",
    }
)
"""Codes that speak of our side, so that the peer is not blamed; every other one is a broken rule."""

_ALERT_WORDS = "|".join(
    sorted((name.replace("_", "[ _]?") for name in ALERTS.values()), key=len, reverse=True)
)
ALERT_TEXT = re.compile(
    r"(?:alert(?:\s+received)?[\s:(]+|remote error: tls: |tlsv1 )(?:fatal[\s,:]+)?"
    rf"(?P<name>{_ALERT_WORDS})\b",
    re.IGNORECASE,
)
"""An alert as libraries write it: OpenSSL, rustls, Java, Go, GnuTLS."""

ALERT_NUMBER = re.compile(r"\balert (?:number )?(?P<number>\d{1,3})\b", re.IGNORECASE)

_COMMON_WORDS: tuple[tuple[str, str], ...] = (
    (r"timed?[ -]?out|deadline|taking longer than", "handshake_timeout"),
    (
        r"http request|wrong[ _]version[ _]number|not (?:an? )?(?:ssl|tls)|first record does not look like"
        r"|plain ?text|corrupt(?:ed)? message of type invalidcontenttype|plain http|InvalidContentType",
        "not_tls",
    ),
    (
        r"no shared cipher|no cipher|cipher mismatch|ERR_SSL_VERSION_OR_CIPHER|no cipher suite"
        r"|insufficient security|no_?ciphersuitesincommon|no_?kx_?groups|no_?signatureschemes",
        "no_common_cipher",
    ),
    (
        r"unsupported[ _]protocol|protocol[ _]version|unsupported versions?|version too (?:low|high)"
        r"|no appropriate protocol|peer is incompatible",
        "no_common_version",
    ),
    (r"no[ _]application[ _]protocol", "no_common_protocol"),
)

_TRUST_WORDS = (
    r"unknown[ _]?ca\b|unknown[ _]?issuer|unknown (?:certificate )?authority"
    r"|self[- ]signed|local issuer certificate"
    r"|issuer certificate|does not trust|not trusted|untrusted|UNTRUSTED_ISSUER|AUTHORITY_INVALID"
    r"|unable to find valid certification path|path building failed|trust anchor|caunknown"
)
_EXPIRED = r"expired|past its end|NotValidAfter|DATE_INVALID"
_NAME_WORDS = (
    r"host ?name|name mismatch|NotValidForName|COMMON_NAME_INVALID|BAD_CERT_DOMAIN|no alternative certificate"
    r"|is (?:not )?valid for|no subject alternative|doesn.t match|does not match|altnames?"
)
_CERTIFICATE_WORDS = r"certificate|\bcert\b|x509|\bERR_CERT|\bSEC_ERROR|pinn(?:ed|ing)"
_RESET = (
    r"connection (?:was )?reset|reset by peer|broken pipe|connection (?:was )?aborted|ECONNRESET|EPIPE"
    r"|forcibly"
)
_EOF = r"\beof\b|close_?notify|closed|disconnected|hung up|hang up"
_RULES = (
    r"handshake|\balert\b|decrypt|decode|illegal parameter|bad record|unexpected message"
    r"|(?:\b|_)(?:ssl|tls)(?:\b|_)"
)

CLIENT_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (_TRUST_WORDS, "client_rejected_ca"),
        *_COMMON_WORDS,
        (rf"{_CERTIFICATE_WORDS}|{_EXPIRED}|{_NAME_WORDS}", "client_rejected_certificate"),
        (_RESET, "client_reset"),
        (_EOF, "client_closed_silently"),
        (_RULES, "protocol_error"),
    )
)
"""Words for errors that bring no code, most telling first."""

UPSTREAM_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (r"self[- ]signed certificate in (?:certificate )?chain", "self_signed_in_chain"),
        (r"self[- ]signed", "self_signed"),
        (_TRUST_WORDS, "unknown_issuer"),
        (r"not yet valid|NotValidYet|NotYetValid", "certificate_not_yet_valid"),
        (_EXPIRED, "certificate_expired"),
        (r"revoked", "certificate_revoked"),
        (r"ip address mismatch|doesn.t contain any IP|any IP SANs", "ip_mismatch"),
        (_NAME_WORDS, "hostname_mismatch"),
        (r"dh[ _]key[ _]too[ _]small", "weak_key"),
        (r"(?:key|md) too (?:small|weak)|weak (?:key|signature)", "certificate_weak"),
        (r"legacy renegotiation|unsafe renegotiation", "legacy_renegotiation"),
        (
            r"certificate[ _]required|client certificate (?:was )?(?:required|requested|needed)"
            r"|(?:no|missing) client certificate|(?:didn.t|did not) (?:provide|return) a certificate",
            "client_certificate_required",
        ),
        *_COMMON_WORDS,
        (_CERTIFICATE_WORDS, "certificate_invalid"),
        (_RESET, "upstream_reset"),
        (_EOF, "upstream_closed"),
        (r"unrecognized[ _]name", "unrecognized_name"),
        (_RULES, "protocol_error"),
    )
)
