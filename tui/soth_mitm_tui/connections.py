"""The two connections that carried a flow: addresses, TLS, certificates, the client's hello."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.export import redact
from soth_mitm.text import human_duration, printable
from soth_mitm_tui.certificates import certificate_lines
from soth_mitm_tui.lines import BLANK, Line, Span, fact, heading

if TYPE_CHECKING:
    from soth_mitm.model.events import ProcessKnown
    from soth_mitm.record.rows import Row
    from soth_mitm.record.view import ConnView, FlowView

_DOT: Span = (" · ", "muted")
_RESUMED = {
    "client": "resumed: the client took up a session it had with this proxy",
    "upstream": "resumed: this proxy took up a session it had with the upstream",
}


def client_lines(view: FlowView, row: Row, now_wall_ns: int) -> list[Line]:
    """Return the section of the client's connection."""
    lines = _conn("Client", "client", view.client, now_wall_ns, fallback=row.client)
    if lines and view.client is not None and view.client.named is not None:
        lines.insert(2, fact("for", printable(view.client.named.client)))
    target = view.client.target if view.client else None
    if lines and target is not None:
        user = f", asked for by {printable(target.user, 80)}" if target.user else ""
        lines.insert(2, fact("mode", f"{printable(target.how, 40)}{user}"))
    program = view.client.process if view.client else None
    if lines and program is not None:
        lines[2:2] = _program(program)
    return lines


def _program(program: ProcessKnown) -> list[Line]:
    """Return which program it is; secrets in its arguments are masked as in what is printed."""
    spans: list[Span] = [(printable(program.name, 80), "strong"), (f" · pid {program.pid}", "muted")]
    if program.parent:
        spans.append((f" · started by {printable(program.parent, 80)}", "muted"))
    lines = [fact("program", *spans)]
    if program.path:
        lines.append(fact("its file", printable(program.path, 400)))
    if program.command:
        lines.append(fact("command", printable(redact.command(program.command), 400)))
    return lines


def upstream_lines(view: FlowView, row: Row, now_wall_ns: int) -> list[Line]:
    """Return the section of the connection to the upstream."""
    address = view.bound.address if view.bound else ""
    lines = _conn("Upstream", "upstream", view.upstream, now_wall_ns, fallback=address)
    if not lines:
        return []
    if row.reused:
        lines.insert(1, fact("reused", "it had carried a flow before"))
    dial = view.upstream.dial if view.upstream else None
    if dial is not None and dial.via:
        lines.insert(2, fact("through", printable(dial.via)))
    resolved = view.upstream.resolved if view.upstream else None
    if resolved is not None and resolved.addresses:
        lines.insert(2, fact("resolved to", printable(", ".join(resolved.addresses), 300)))
    return lines


def _conn(
    title: str, side: str, conn: ConnView | None, now_wall_ns: int, *, fallback: str = ""
) -> list[Line]:
    peer = (conn.peer if conn else "") or fallback
    if conn is None and not peer:
        return []
    lines = [heading(title, f"connection #{conn.conn}" if conn else "")]
    if peer:
        host = printable(peer)
        lines.append(fact("address", host))
    if conn is None:
        return [*lines, BLANK]
    lines += _tls(conn, side)
    if conn.issued is not None:
        source = "taken from the cache" if conn.issued.cached else "made for it"
        names = printable(", ".join(conn.issued.sans), 200)
        repeats = f"; {conn.issued.mirrored:,} names as in the upstream's" if conn.issued.mirrored else ""
        words = f"a certificate for {names or printable(conn.issued.host)}, {source}{repeats}"
        lines.append(fact("shown it", words))
    for note in conn.notes:
        lines.append(fact(printable(note.code.replace("_", " "), 24), (printable(note.detail, 300), "warn")))
    for number, der in enumerate(conn.chain):
        lines += certificate_lines(number, der, now_wall_ns)
    if conn.closed is not None:
        lines.append(fact("closed", (printable(conn.closed.reason.replace("_", " "), 80), "muted")))
    return [*lines, BLANK]


def _tls(conn: ConnView, side: str) -> list[Line]:
    tls = conn.tls
    if tls is None:
        return []
    spans: list[Span] = [(printable(tls.version), "text"), _DOT, (printable(tls.cipher), "text")]
    if side == "upstream":
        spans += [_DOT, ("verified", "good") if tls.verified else ("not verified", "warn")]
    elif tls.chain:
        spans += [_DOT, ("client certificate verified", "good")]
    if conn.tls_ns:
        spans += [_DOT, (human_duration(conn.tls_ns), "muted")]
    alpn = (printable(tls.alpn), "text") if tls.alpn else ("none agreed", "muted")
    lines = [fact("TLS", *spans), fact("ALPN", alpn)]
    if tls.resumed:
        lines.append(fact("session", _RESUMED[side]))
    return lines


def hello_lines(view: FlowView) -> list[Line]:
    """Return what the client said first: what it can do, and by what it can be recognised."""
    hello = view.client.hello if view.client else None
    if hello is None:
        return []
    lines = [heading("Client hello", f"{hello.length:,} bytes" if hello.length else "")]
    lines.append(fact("SNI", printable(hello.sni) if hello.sni else ("none", "muted")))
    lines.append(fact("ALPN", printable(", ".join(hello.alpn)) if hello.alpn else ("none", "muted")))
    if hello.versions:
        lines.append(fact("versions", printable(", ".join(hello.versions))))
    for name, value in (("JA4", hello.ja4), ("JA3", hello.ja3)):
        if value:
            lines.append(fact(name, printable(value)))
    if hello.early_data:
        lines.append(fact("early data", ("offered; not passed on", "warn")))
    return [*lines, BLANK]
