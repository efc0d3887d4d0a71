"""The proxy's own pages: the CA for download, and how to set a client up.

Served to a client that asks the proxy itself (origin-form), or for the magic host. h11 reads the
request and writes the response: here we are an ordinary origin.
"""

# ruff: noqa: E501 - lines of HTML
from __future__ import annotations

import html
from http import HTTPStatus
from typing import TYPE_CHECKING

import h11

if TYPE_CHECKING:
    from soth_mitm.net.shared import Shared

_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.55 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.05rem;margin:2rem 0 .4rem}
pre{padding:.7rem .9rem;overflow-x:auto;border:1px solid #8885;border-radius:.4rem;font-size:.86rem}
a.button{display:inline-block;padding:.5rem .9rem;margin:.2rem .4rem .2rem 0;border-radius:.4rem;
background:#2457c5;color:#fff;text-decoration:none}small{opacity:.75}dd{margin:0 0 .5rem;font-family:monospace;
font-size:.86rem;word-break:break-all}
"""
_KINDS = {
    "/ca.pem": ("pem", "application/x-pem-file", "soth-mitm-ca.pem"),
    "/ca.crt": ("der", "application/x-x509-ca-cert", "soth-mitm-ca.crt"),
    "/ca.cer": ("der", "application/pkix-cert", "soth-mitm-ca.cer"),
    "/ca.p12": ("p12", "application/x-pkcs12", "soth-mitm-ca.p12"),
}


def respond(raw: bytes, shared: Shared) -> tuple[int, bytes, bytes]:
    """Return status, head and body of the answer to a request head for the proxy itself."""
    server = h11.Connection(h11.SERVER)
    try:
        server.receive_data(raw)
        request = server.next_event()
    except h11.RemoteProtocolError as error:
        return _write(h11.Connection(h11.SERVER), 400, "text/plain", f"bad request: {error}\n".encode(), ())
    if not isinstance(request, h11.Request):
        return _write(h11.Connection(h11.SERVER), 400, "text/plain", b"bad request\n", ())
    if request.method not in (b"GET", b"HEAD"):
        body = b"soth-mitm: this is the proxy itself; its pages can only be read (GET)\n"
        return _write(server, 405, "text/plain; charset=utf-8", body, ((b"Allow", b"GET, HEAD"),))
    status, content_type, body, fields = _page(_path(request.target), shared)
    return _write(server, status, content_type, body, fields, head_only=request.method == b"HEAD")


def _page(path: str, shared: Shared) -> tuple[int, str, bytes, tuple[tuple[bytes, bytes], ...]]:
    if path in _KINDS:
        kind, content_type, name = _KINDS[path]
        disposition = (b"Content-Disposition", f'attachment; filename="{name}"'.encode())
        return 200, content_type, shared.ca.export(kind), (disposition,)  # type: ignore[arg-type]
    if path == "/":
        return 200, "text/html; charset=utf-8", _index(shared).encode(), ()
    body = b"soth-mitm: no such page; / shows how to set up a client, /ca.pem is the certificate\n"
    return 404, "text/plain; charset=utf-8", body, ()


def _path(target: bytes) -> str:
    text = target.decode("latin-1")
    if "://" in text:
        text = "/" + text.partition("://")[2].partition("/")[2]
    return text.partition("?")[0]


def _write(
    server: h11.Connection,
    status: int,
    content_type: str,
    body: bytes,
    fields: tuple[tuple[bytes, bytes], ...],
    *,
    head_only: bool = False,
) -> tuple[int, bytes, bytes]:
    headers = [
        (b"Content-Type", content_type.encode()),
        (b"Content-Length", b"%d" % len(body)),
        (b"Cache-Control", b"no-store"),
        (b"X-Content-Type-Options", b"nosniff"),
        (b"Connection", b"close"),
        *fields,
    ]
    head = server.send(h11.Response(status_code=status, headers=headers, reason=HTTPStatus(status).phrase))
    if head_only:
        return status, head or b"", b""
    return status, head or b"", server.send(h11.Data(data=body)) or b""


def _index(shared: Shared) -> str:
    ca = shared.ca
    host, port = shared.listening[0] if shared.listening else ("127.0.0.1", 8080)
    proxy = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    path = html.escape(str(ca.certificate_path))
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>soth-mitm</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style>
<h1>soth-mitm</h1><p>This proxy works. To see inside TLS, let the client trust its certificate authority.</p>
<p><a class="button" href="/ca.pem">PEM</a><a class="button" href="/ca.crt">DER (.crt)</a>
<a class="button" href="/ca.p12">PKCS #12</a></p>
<dl><dt><small>SHA-256 of the certificate: compare before you trust it</small></dt><dd>{ca.fingerprint_sha256}</dd>
<dt><small>On the machine of the proxy</small></dt><dd>{path}</dd></dl>
<h2>One command</h2><pre>curl -x {proxy} --cacert {path} https://example.com/</pre>
<h2>One program, set up for you</h2><pre>soth-mitm run -- your-program</pre>
<h2>A shell</h2><pre>eval "$(soth-mitm env)"</pre>
<h2>A phone or another machine</h2><p>Set its HTTP proxy to this machine and port {port}, open
<code>http://{html.escape(shared.config.magic_host)}/</code> there, install the certificate, and trust it fully
(iOS: Settings, General, About, Certificate Trust Settings; Android: as a user certificate, which apps may ignore).
The proxy must listen on more than loopback for that: <code>--listen-host</code>.</p>
<h2>Firefox</h2><p>Settings, Privacy &amp; Security, View Certificates, Authorities, Import.</p>
<p><small>Whoever holds the private key beside this certificate can read your traffic. It never leaves the machine
of the proxy.</small></p></html>
"""
