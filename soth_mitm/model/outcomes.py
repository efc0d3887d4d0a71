"""How a flow failed, in the few words that a row has room for, and what to do about it.

The codes are the stable ones of the events; a code that is not in a table yet is shown as it is,
with spaces. `reasons` has the words of the terminal codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.model.tls import TlsFailure

CLIENT_TLS: dict[str, str] = {
    "client_rejected_ca": "client refused CA",
    "client_rejected_certificate": "client refused cert",
    "client_closed_silently": "client hung up in TLS",
    "client_reset": "client reset in TLS",
    "client_certificate_refused": "client's cert refused",
    "client_cancelled": "client gave up in TLS",
    "client_alert": "client sent TLS alert",
    "connection_lost": "client lost",
    "handshake_timeout": "client stalled in TLS",
    "no_common_cipher": "no cipher for client",
    "no_common_protocol": "no ALPN for client",
    "no_common_version": "client's TLS too old",
    "not_tls": "client spoke no TLS",
    "protocol_error": "client broke TLS",
}
"""Words per reason code of a handshake that failed on the client's side."""

UPSTREAM_TLS: dict[str, str] = {
    "unknown_issuer": "cert not trusted",
    "self_signed": "cert self-signed",
    "self_signed_in_chain": "cert root not trusted",
    "certificate_expired": "cert expired",
    "certificate_not_yet_valid": "cert not yet valid",
    "hostname_mismatch": "cert for another host",
    "ip_mismatch": "cert lacks address",
    "certificate_revoked": "cert revoked",
    "certificate_weak": "cert too weak",
    "certificate_purpose": "cert of wrong purpose",
    "certificate_invalid": "cert not valid",
    "client_certificate_required": "wants client cert",
    "client_certificate_rejected": "refused client cert",
    "client_certificate_unknown_ca": "refused client cert",
    "client_certificate_missing": "no client cert set",
    "client_certificate_unusable": "client cert unusable",
    "roots_unusable": "roots unusable",
    "settings_refused": "TLS settings refused",
    "sni_required": "no name for SNI",
    "handshake_refused": "upstream refused TLS",
    "handshake_timeout": "upstream stalled in TLS",
    "legacy_renegotiation": "upstream TLS too old",
    "no_common_cipher": "no cipher for upstream",
    "no_common_protocol": "no ALPN for upstream",
    "no_common_version": "upstream TLS too old",
    "not_tls": "upstream speaks no TLS",
    "protocol_error": "upstream broke TLS",
    "unrecognized_name": "name unknown upstream",
    "upstream_alert": "upstream TLS alert",
    "upstream_closed": "upstream hung up in TLS",
    "upstream_reset": "upstream reset in TLS",
    "weak_key": "upstream key too weak",
}
"""The same for the upstream's side."""

DEADLINE = "grpc_deadline"
"""Noted of a gRPC call that its client cancelled about when the time was up that it had allowed."""
DEADLINE_WORDS = "deadline exceeded (inferred)"
LEARNED = "learned_passthrough"
"""The reason of a decision, and the note on a tunnel's row: clients have refused our certificate."""

LEARNED_HINT = (
    "Clients refused the certificate for {host}, so it passes through for a while: have them trust the CA, "
    "then intercept it again with T in the app."
)

TLS_CLASSES: dict[str, str] = {
    "unknown_ca": "CA not trusted",
    "timeout": "TLS timed out",
    "eof_or_reset": "hung up in TLS",
    "cert_validation": "cert refused",
    "handshake": "TLS failed",
    "other": "TLS failed",
}
"""Words for a reason code that has none of its own, per failure class."""

DIAL: dict[str, tuple[str, str]] = {
    "dns_not_found": (
        "host not found",
        "No address is known for {host}: check its spelling and this machine's DNS.",
    ),
    "dns_failed": (
        "name lookup failed",
        "The name server did not answer for {host}: check this machine's DNS, then try again.",
    ),
    "dns_timeout": (
        "name lookup timed out",
        "The name server took too long for {host}: check this machine's DNS, then try again.",
    ),
    "connect_refused": (
        "upstream refused",
        "Nothing listens at {site}: start the server, or check the port.",
    ),
    "connect_timeout": (
        "upstream timed out",
        "{site} did not answer: check that it is up and that no firewall drops the packets.",
    ),
    "connect_reset": (
        "upstream reset",
        "{site} dropped the connection at once: check what listens there.",
    ),
    "connect_failed": (
        "upstream unreachable",
        "{site} cannot be reached for the reason shown: check that it is up.",
    ),
    "self_loop": (
        "points at this proxy",
        "{site} is this proxy itself: the client, or the name's address, leads in a circle.",
    ),
    "upstream_host_full": (
        "upstream full",
        "As many connections to {site} as limits.upstream_per_host allows are open: close some, or raise it.",
    ),
    "upstream_queue_timeout": (
        "upstream full",
        "As many connections to {site} as limits.upstream_per_host allows are open, and none became free in "
        "limits.upstream_queue_time: close some, or raise either.",
    ),
    "circuit_open": (
        "upstream left alone",
        "Too many attempts to reach {site} failed in a row: see why they did; limits.breaker_failures = 0 "
        "has every attempt made.",
    ),
    "network_unreachable": (
        "network unreachable",
        "There is no route to {site} from here: check network, VPN and routes.",
    ),
    "host_unreachable": (
        "upstream unreachable",
        "{site} cannot be reached from here: check that it is up, and network and VPN.",
    ),
    "proxy_auth_required": (
        "proxy wants credentials",
        "The proxy at {site} wants a user and password: write the right ones before its host, "
        "as USER:PASSWORD@.",
    ),
    "proxy_refused": (
        "proxy refused",
        "The proxy at {site} does not lead there, for the reason shown: see its log and its rules.",
    ),
    "proxy_closed": (
        "proxy hung up",
        "{site} closed the connection: check that it is a proxy, of the kind that the settings name.",
    ),
    "proxy_timeout": (
        "proxy timed out",
        "The proxy at {site} does not answer: check that it is one, and that it can reach the target.",
    ),
    "proxy_reply_invalid": (
        "no proxy's answer",
        "{site} does not answer as a proxy of that kind: check scheme and port in the settings.",
    ),
    "proxy_tls_failed": (
        "no TLS with proxy",
        "TLS with the proxy {site} failed: check that it speaks TLS; a rule for its host says whom to trust.",
    ),
}
"""Words and hint per code of a failed dial; `{site}` is the upstream with its port, or the proxy
on the way where there is one."""

_STAGE = {"resolve": "dns_failed", "connect": "connect_failed", "proxy": "proxy_refused"}


def tls_words(failure: TlsFailure) -> str:
    """Return a few words for a failed handshake."""
    table = CLIENT_TLS if failure.peer == "client" else UPSTREAM_TLS
    return table.get(failure.reason) or TLS_CLASSES.get(failure.failure_class, "TLS failed")


def dial_words(stage: str, code: str) -> str:
    """Return a few words for a dial that failed at `stage` with `code`."""
    return (DIAL.get(code) or DIAL[_STAGE.get(stage, "connect_failed")])[0]


def dial_hint(stage: str, code: str, host: str, port: int, via: str = "") -> str:
    """Return one sentence on what to do about a failed dial; `via` is the URL of the proxy on the way."""
    site = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if via:
        site = printable(via.partition("://")[2], 300)
        host = site.rpartition(":")[0]
    return (DIAL.get(code) or DIAL[_STAGE.get(stage, "connect_failed")])[1].format(host=host, site=site)


OTHER_VERSION: dict[str, tuple[str, str]] = {
    "not_http2": (
        "speaks no HTTP/2",
        "{site} does not answer in HTTP/2, which was begun at once: use http:// in place of h2c://, or "
        "have the client begin with HTTP/1.1.",
    ),
    "answered_in_http2": (
        "speaks HTTP/2 alone",
        "{site} speaks HTTP/2 at once, where HTTP/1.1 was spoken: reach it by h2c:// in place of http://, or "
        "have the client begin so.",
    ),
}
"""Words and hint per code of an upstream that speaks another version of HTTP than was spoken to it."""


def version_hint(code: str, host: str, port: int) -> str:
    """Return one sentence on what to do about an upstream that speaks another version."""
    site = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return OTHER_VERSION[code][1].format(site=site)


REFUSED: dict[str, tuple[str, str]] = {
    "tls_to_proxy_port": (
        "TLS to an HTTP port",
        "Set the client's proxy as http://, not https://: its connection to this port is plain HTTP.",
    ),
    "socks_to_proxy_port": (
        "SOCKS to an HTTP port",
        "Set the client's proxy as http:// for this port, or listen for SOCKS as well: -m socks5.",
    ),
    "not_socks": (
        "no SOCKS",
        "Set the client's proxy as socks5h:// for this port, or use a port of the mode regular.",
    ),
    "socks4": ("SOCKS 4", "Set the client's proxy as socks5h:// or socks5://: only SOCKS 5 is served."),
    "socks_command": ("no CONNECT of SOCKS", "Of SOCKS only CONNECT is served, not BIND and UDP."),
    "proxy_auth_required": (
        "gave no password",
        "Give the client the user and password of proxy_auth, as USER:PASSWORD@ before the proxy's host.",
    ),
    "proxy_auth_wrong": (
        "gave a wrong password",
        "Compare the user and password that the client gives with those of proxy_auth.",
    ),
    "http2_without_auth": (
        "HTTP/2 without password",
        "The user and password of proxy_auth are only asked for over HTTP/1.1: have the client speak that.",
    ),
    "proxy_header_missing": (
        "no PROXY header",
        "Have the load balancer send a PROXY header, or leave out proxy-protocol for this port.",
    ),
    "proxy_header_invalid": (
        "broken PROXY header",
        "Look at what stands before this port: it has to send a PROXY header of version 1 or 2.",
    ),
    "not_redirected": (
        "was not redirected",
        "A transparent port takes what netfilter redirects; who is told of a proxy needs the mode regular.",
    ),
    "redirect_loop": (
        "redirected back to us",
        "Run the proxy as a user of its own, and leave that user out of the redirection (meta skuid).",
    ),
}
"""Words and hint per code of a connection that was refused before it named a target."""


def refused_words(code: str) -> str:
    """Return a few words for a connection that was refused at its beginning."""
    return REFUSED[code][0] if code in REFUSED else guard_words(code)


def refused_hint(code: str) -> str:
    """Return one sentence on what to do about it, or nothing."""
    return REFUSED[code][1] if code in REFUSED else ""


def guard_words(code: str) -> str:
    """Return the code of a guard as words."""
    return printable(code.replace("_", " "), 40)
