"""The closed set of reasons for which a TLS handshake fails: class, meaning and hint of each.

docs/tls.md shows these tables and is tested against them. In a hint, `{host}` is the name that a
person would put behind `--tunnel`, `{site}` the upstream with its port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from soth_mitm.model.tls import FailureClass


class Reason(NamedTuple):
    """Say what a reason code stands for."""

    failure_class: FailureClass
    meaning: str
    hint: str


_TRUST = (
    "install the CA where this client looks for trust (`soth-mitm ca export` writes it, "
    "http://soth.mitm/ serves it), or leave the host alone with --tunnel {host}"
)

CLIENT: dict[str, Reason] = {
    "client_rejected_ca": Reason(
        "unknown_ca",
        "The client does not know the CA that signed our certificate.",
        "The client does not trust this proxy's CA for {host}: " + _TRUST + ".",
    ),
    "client_rejected_certificate": Reason(
        "cert_validation",
        "The client refused our certificate without naming its issuer as the cause.",
        "The client refused the certificate for {host}, mostly because it does not trust the CA or pins "
        "the site's own: " + _TRUST + ".",
    ),
    "client_closed_silently": Reason(
        "eof_or_reset",
        "The client closed in the handshake, or right after it without a byte, and said nothing.",
        "The client closed without a word and probably refused the certificate for {host}: " + _TRUST + ".",
    ),
    "client_reset": Reason(
        "eof_or_reset",
        "The client reset the connection in the handshake, or right after it without a byte.",
        "The client reset the connection; if that happens each time, it probably refuses the certificate for "
        "{host}: " + _TRUST + ".",
    ),
    "client_certificate_refused": Reason(
        "cert_validation",
        "The client's own certificate does not come from the CA of request_client_cert.",
        "The certificate that the client showed for {host} was refused here: add its CA to the file of "
        "request_client_cert, or have the client show another.",
    ),
    "client_cancelled": Reason(
        "handshake",
        "The client broke the handshake off for a reason of its own.",
        "The client gave up on {host} by itself; nothing to mend here unless it happens each time.",
    ),
    "client_alert": Reason(
        "handshake",
        "The client sent an alert that has no reason of its own here.",
        "The client broke off with the alert shown; if it needs what this proxy cannot speak, leave the host "
        "alone with --tunnel {host}.",
    ),
    "connection_lost": Reason(
        "eof_or_reset",
        "The client went away after the handshake and after data: no failure of TLS.",
        "The connection to {host} worked and then broke; TLS and trust are fine.",
    ),
    "handshake_timeout": Reason(
        "timeout",
        "The client did not finish the handshake in time.",
        "The client stopped in the middle of the handshake for {host}; if it asks a person to accept the "
        "certificate, answer sooner, or leave the host alone with --tunnel {host}.",
    ),
    "no_common_cipher": Reason(
        "handshake",
        "Client and proxy share no cipher, group or signature algorithm.",
        "The client offers no cipher that this proxy takes, as very old clients do; leave the host alone "
        "with --tunnel {host}.",
    ),
    "no_common_protocol": Reason(
        "handshake",
        "Client and proxy share no application protocol (ALPN).",
        "The client wants a protocol over TLS that this proxy does not speak; leave the host alone with "
        "--tunnel {host}.",
    ),
    "no_common_version": Reason(
        "handshake",
        "Client and proxy share no TLS version; the proxy speaks 1.2 and 1.3.",
        "The client speaks no TLS version from 1.2 on; update it, or leave the host alone with "
        "--tunnel {host}.",
    ),
    "not_tls": Reason(
        "handshake",
        "What came is not TLS.",
        "The client spoke something other than TLS to {host}; check the scheme and the port of its URL, or "
        "leave the host alone with --tunnel {host}.",
    ),
    "protocol_error": Reason(
        "handshake",
        "The client broke the rules of TLS, or the bytes were damaged on the way.",
        "The client's handshake for {host} is not valid TLS; if it works without the proxy, leave the host "
        "alone with --tunnel {host} and report this.",
    ),
    "unclassified": Reason(
        "other",
        "Nothing of the above.",
        "The handshake with the client failed for the reason shown; --tunnel {host} leaves the host alone.",
    ),
}
"""Failures between a client and the proxy."""

_ACCEPT = "look at it anyway with -k"
_LEGACY = (
    "a rule with tls_profile = compat accepts what old servers offer, as -k does, or leave the host alone "
    "with --tunnel {host}"
)
_CLIENT_CERTIFICATE = (
    "set one for this host in the configuration, or leave the host alone with --tunnel {host}"
)

UPSTREAM: dict[str, Reason] = {
    "unknown_issuer": Reason(
        "unknown_ca",
        "No trusted CA leads to the certificate, or the server left out an intermediate.",
        "Nothing trusted here signed the certificate of {site}: add its CA to the trusted ones if you know "
        "it, or " + _ACCEPT + ".",
    ),
    "self_signed": Reason(
        "unknown_ca",
        "The certificate is signed by itself.",
        "The certificate of {site} is self-signed: add it to the trusted ones if it is yours, or "
        + _ACCEPT
        + ".",
    ),
    "self_signed_in_chain": Reason(
        "unknown_ca",
        "The chain ends in a root that is not trusted here.",
        "The chain of {site} ends in a root that is not trusted here: add that CA to the trusted ones if you "
        "know it, or " + _ACCEPT + ".",
    ),
    "certificate_expired": Reason(
        "cert_validation",
        "A certificate of the chain is past its end.",
        "The certificate of {site} has expired: its owner must renew it; check this machine's clock, or "
        + _ACCEPT
        + ".",
    ),
    "certificate_not_yet_valid": Reason(
        "cert_validation",
        "A certificate of the chain is not valid yet.",
        "The certificate of {site} is not valid yet: check this machine's clock, or " + _ACCEPT + ".",
    ),
    "hostname_mismatch": Reason(
        "cert_validation",
        "The certificate is for other names.",
        "The certificate of {site} is for other names: check the host of the URL, or " + _ACCEPT + ".",
    ),
    "ip_mismatch": Reason(
        "cert_validation",
        "The certificate does not name the address that was dialled.",
        "The certificate of {site} does not name this address: use the host's name in the URL, or "
        + _ACCEPT
        + ".",
    ),
    "certificate_revoked": Reason(
        "cert_validation",
        "The issuer has revoked the certificate.",
        "The certificate of {site} was revoked by its issuer: do not trust what it sends; " + _ACCEPT + ".",
    ),
    "certificate_weak": Reason(
        "cert_validation",
        "A key or a signature of the chain is too weak for the security level.",
        "The certificate of {site} uses a key or a signature that is too weak: its owner must replace it; "
        + _ACCEPT
        + ".",
    ),
    "certificate_purpose": Reason(
        "cert_validation",
        "A certificate of the chain may not be used for what it is used for.",
        "A certificate of {site} is not meant for a server or a CA: its owner must replace it; "
        + _ACCEPT
        + ".",
    ),
    "certificate_invalid": Reason(
        "cert_validation",
        "The chain failed verification in another way.",
        "The certificate of {site} failed verification for the reason shown; " + _ACCEPT + ".",
    ),
    "client_certificate_required": Reason(
        "handshake",
        "The server wants a client certificate and got none.",
        "{site} wants a client certificate: " + _CLIENT_CERTIFICATE + ".",
    ),
    "client_certificate_rejected": Reason(
        "cert_validation",
        "The server refused the client certificate, or got none.",
        "{site} refused the client certificate, or wants one and got none: " + _CLIENT_CERTIFICATE + ".",
    ),
    "client_certificate_unknown_ca": Reason(
        "unknown_ca",
        "The server does not trust the issuer of the client certificate.",
        "{site} does not trust the issuer of the client certificate: "
        + _CLIENT_CERTIFICATE.replace("one", "another", 1)
        + ".",
    ),
    "client_certificate_missing": Reason(
        "other",
        "The settings require a client certificate for this host and name none; nothing was sent.",
        "Set client_cert for {host} in [[rules]] of the configuration, or client_cert_mode to if-requested.",
    ),
    "client_certificate_unusable": Reason(
        "other",
        "The file of the client certificate cannot be used; nothing was sent.",
        "Mend the file that client_cert names for {host}: certificate and key in PEM form, the key not "
        "encrypted.",
    ),
    "roots_unusable": Reason(
        "other",
        "The roots that the settings name for this host cannot be used; nothing was sent.",
        "Mend the file that roots names for {host} in [[rules]] of the configuration.",
    ),
    "settings_refused": Reason(
        "other",
        "OpenSSL refuses the versions, ciphers or curve of the settings; nothing was sent.",
        "Mend the table [tls] of the configuration, which {host} is met with.",
    ),
    "sni_required": Reason(
        "other",
        "The settings require SNI, and the target is an address; nothing was sent.",
        "Use the host's name in place of {host} in the URL, or set sni to auto in the configuration.",
    ),
    "handshake_refused": Reason(
        "handshake",
        "The server refused without saying why (alert 40).",
        "{site} refused the handshake: it shares no cipher with us, does not know the name, or wants a "
        "client certificate; try -k, or leave the host alone with --tunnel {host}.",
    ),
    "handshake_timeout": Reason(
        "timeout",
        "The server did not finish the handshake in time.",
        "{site} accepted the connection and then did not finish the TLS handshake: see whether it speaks TLS "
        "on this port and whether a firewall holds it back.",
    ),
    "legacy_renegotiation": Reason(
        "handshake",
        "The server knows no secure renegotiation (RFC 5746).",
        "{site} is too old for secure renegotiation: " + _LEGACY + ".",
    ),
    "no_common_cipher": Reason(
        "handshake",
        "Server and proxy share no cipher, group or signature algorithm.",
        "{site} shares no cipher with this proxy: " + _LEGACY + ".",
    ),
    "no_common_protocol": Reason(
        "handshake",
        "Server and proxy share no application protocol (ALPN).",
        "{site} refused the application protocols that were offered: leave the host alone with "
        "--tunnel {host}.",
    ),
    "no_common_version": Reason(
        "handshake",
        "Server and proxy share no TLS version.",
        "{site} shares no TLS version with this proxy: " + _LEGACY + ".",
    ),
    "not_tls": Reason(
        "handshake",
        "What came is not TLS.",
        "{site} answered with something other than TLS: use http:// in the URL, or another port.",
    ),
    "protocol_error": Reason(
        "handshake",
        "The server broke the rules of TLS, or the bytes were damaged on the way.",
        "The handshake of {site} is not valid TLS: if it works without the proxy, leave the host alone with "
        "--tunnel {host} and report this.",
    ),
    "unrecognized_name": Reason(
        "handshake",
        "The server has no site of this name.",
        "{site} has no site of this name: check the host of the URL and what it resolves to.",
    ),
    "upstream_alert": Reason(
        "handshake",
        "The server sent an alert that has no reason of its own here.",
        "{site} broke off with the alert shown: see its log, or leave the host alone with --tunnel {host}.",
    ),
    "upstream_closed": Reason(
        "eof_or_reset",
        "The server closed in the handshake without saying why.",
        "{site} closed in the middle of the handshake: see whether it speaks TLS on this port and knows "
        "this name.",
    ),
    "upstream_reset": Reason(
        "eof_or_reset",
        "The server, or something on the way, reset the connection in the handshake.",
        "{site} reset the connection in the handshake: see whether it speaks TLS on this port and whether a "
        "firewall is in the way.",
    ),
    "weak_key": Reason(
        "handshake",
        "The server's key exchange or signature is too weak for the security level.",
        "{site} offers a key exchange that is too weak: " + _LEGACY + ".",
    ),
    "unclassified": Reason(
        "other",
        "Nothing of the above.",
        "The handshake with {site} failed for the reason shown; --tunnel {host} leaves the host alone.",
    ),
}
"""Failures between the proxy and an upstream."""
