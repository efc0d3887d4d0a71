"""The set-up card as lines: where the proxy listens, three ways to use it, what it has seen so far."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.text import printable
from soth_mitm_tui.lines import BLANK, Line, Span, line

if TYPE_CHECKING:
    from soth_mitm.config import Config
    from soth_mitm.record.session import SessionFacts


_YEAR_10000: Final = 253_402_300_800
_HALF: Final = 48
"""Characters of half a SHA-256, as `9F:3C:...`."""
_PROXIES: Final = ("regular", "upstream", "socks5")
"""Modes whose address a client is given as its proxy."""


class Commands(NamedTuple):
    """The three one-liners, as they are copied."""

    try_out: str
    run: str
    browser: str


def listening(facts: SessionFacts, config: Config) -> tuple[str, int, str]:
    """Return where clients reach the proxy, or are going to, and its mode there."""
    proxies = [each for each in facts.listeners if each[2].partition(":")[0] in _PROXIES]
    for each in (*proxies, *facts.listeners):
        return each
    return config.listen_host, 8080 if config.listen_port is None else config.listen_port, "regular"


def address_text(host: str, port: int) -> str:
    """Return `host:port`, an IPv6 address in brackets; of a Unix socket, its path."""
    if host.startswith("/"):
        return printable(f"unix:{host}")
    return printable(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def commands(facts: SessionFacts, config: Config) -> Commands:
    """Return the one-liners for this proxy."""
    host, port, mode = listening(facts, config)
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    address = address_text(reachable, port)
    ca = printable(facts.ca.path) if facts.ca else "ca.pem"
    quoted = f"'{ca}'" if " " in ca else ca
    run = "soth-mitm run -- your-program"
    kind = mode.partition(":")[0]
    if kind == "socks5":
        proxy = f"curl -x socks5h://{address} --cacert {quoted} https://example.com"
        return Commands(proxy, run, f"http://{config.magic_host}")
    if kind == "reverse":
        return Commands(f"curl http://{address}/", run, f"http://{address}/")
    if kind == "unix":
        url = "http://example.com/"
        plain = f"curl --unix-socket {printable(host)} --request-target {url} {url}"
        return Commands(plain, run, f"http://{config.magic_host}")
    return Commands(
        f"curl -x http://{address} --cacert {quoted} https://example.com",
        run,
        f"http://{config.magic_host}",
    )


def setup_lines(facts: SessionFacts, config: Config, *, flows: int) -> list[Line]:
    """Return the card. Steps that have happened are green; what went wrong says what to do."""
    first = listening(facts, config)
    address = address_text(*first[:2])
    tools = commands(facts, config)
    lines = [
        BLANK,
        *_paused(facts),
        *_places(facts, first),
        BLANK,
        _offer("1", "Try it", tools.try_out, ""),
        _offer("2", "One program", tools.run, "proxy and CA are set for it alone"),
        _offer("3", "A browser", tools.browser, f"with {address} as its proxy; this page installs the CA"),
        BLANK,
        *_steps(facts, flows=flows),
        BLANK,
        *_authority(facts),
    ]
    return lines


def _paused(facts: SessionFacts) -> list[Line]:
    if facts.capturing:
        return []
    words = "Capture is paused: requests pass, and are not recorded. "
    return [line(("  ‖ ", "warn"), (words, "warn"), ("P", "accent"), (" goes on", "text"), indent=4), BLANK]


def _places(facts: SessionFacts, first: tuple[str, int, str]) -> list[Line]:
    """Say where it listens: the place of the commands, then the others with their modes."""
    if not facts.listeners:
        return [line(("  ○ ", "muted"), ("Not listening", "text"))]
    places = [first, *(each for each in facts.listeners if each != first)]
    lines = []
    for host, port, mode in places:
        said = "" if mode in ("regular", "unix") else f"   {mode}"
        lines.append(
            line(
                ("  ● ", "good"),
                ("Listening on ", "text"),
                (address_text(host, port), "strong"),
                (said, "muted"),
            )
        )
    return lines


def _offer(key: str, title: str, text: str, note: str) -> Line:
    spans: list[Span] = [(f"  {key} ", "accent"), (f"{title:<13}", "text"), (text, "strong")]
    if note:
        spans.append((f"   {note}", "muted"))
    return Line(tuple(spans), 17)


def _steps(facts: SessionFacts, *, flows: int) -> list[Line]:
    steps = [
        (facts.connections > 0, "a client connected", "waiting for the first connection"),
        (facts.connects > 0 or flows > 0, "a request was seen", "waiting for the first request"),
        (facts.handshakes > 0, "TLS was set up with our certificate", "waiting for TLS with our certificate"),
        (
            facts.decrypted > 0,
            "a client trusts the CA: HTTPS is decrypted",
            "waiting for a client that trusts the CA",
        ),
    ]
    lines: list[Line] = []
    waiting = True
    for done, happened, expected in steps:
        if done:
            lines.append(line(("  ✓ ", "good"), (happened, "good")))
        else:
            lines.append(
                line(
                    ("  ◌ " if waiting else "  · ", "accent" if waiting else "muted"),
                    (expected, "text" if waiting else "muted"),
                )
            )
            waiting = False
    if facts.refused and not facts.trusting:
        lines.append(
            line(
                ("  ✕ ", "bad"),
                ("a client refused our certificate: it does not trust the CA yet. ", "bad"),
                ("Give it the CA as shown above, or open the row to see which client it was.", "text"),
                indent=4,
            )
        )
    return lines


def _authority(facts: SessionFacts) -> list[Line]:
    ca = facts.ca
    if ca is None:
        return [line(("  CA  ", "muted"), ("not loaded yet", "muted"))]
    said = ["made just now" if ca.created else "loaded", printable(ca.key)]
    if 0 < ca.not_after < _YEAR_10000:
        said.append(f"valid until {datetime.fromtimestamp(ca.not_after, UTC):%Y-%m-%d}")
    if ca.private:
        said.append("only you can read its key")
    if ca.trusted is not None:
        said.append(f"{'in' if ca.trusted else 'not in'} the system's trust store")
    lines = [line(("  CA  ", "muted"), (" · ".join(said), "text"), indent=6)]
    if ca.private is False:
        lines.append(
            line(
                ("  ▲ ", "warn"),
                (
                    "others can read the CA's key, and so read what its clients send; H says what to do",
                    "warn",
                ),
                indent=4,
            )
        )
    return [
        *lines,
        line(("      ", "muted"), (printable(ca.path), "text"), indent=6),
        *_fingerprint(printable(ca.fingerprint_sha256)),
    ]


def _fingerprint(text: str) -> list[Line]:
    """Return it in two rows of whole bytes: as one it would be cut inside of a byte in 80 columns."""
    rows = [text[:_HALF], text[_HALF:]]
    return [
        line((f"      {'' if number else 'SHA-256':<8}", "muted"), (row, "muted"), indent=14)
        for number, row in enumerate(rows)
        if row
    ]
