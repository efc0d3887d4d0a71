"""Print every exchange, answer one path by ourselves, and refuse another.

Run it, then: curl -x http://127.0.0.1:8080 http://example.com/hello
"""

from __future__ import annotations

import sys

from soth_mitm import Block, Config, Decision, Handler, Proxy, Request, Respond
from soth_mitm.core import run
from soth_mitm.model.events import FlowClosed, ResponseHead
from soth_mitm.text import printable


class Example(Handler):
    """Decides by the path of a request."""

    async def on_request(self, request: Request) -> Decision | None:
        """Answer /hello, refuse /admin, let everything else pass untouched."""
        if request.target.endswith(b"/hello"):
            return Respond(200, fields=((b"Content-Type", b"text/plain"),), body=b"hello from the proxy\n")
        if b"/admin" in request.target:
            return Block(403, "not today")
        return None


async def main(config: Config) -> None:
    """Run until the stream ends."""
    async with Proxy(config, Example()) as proxy:
        host, port = proxy.addresses[0]
        sys.stdout.write(f"listening on {host}:{port}\n")
        sys.stdout.flush()
        async for event in proxy.events():
            match event.body:
                case ResponseHead(status=status, reason=reason):
                    sys.stdout.write(f"flow {event.flow}: {status} {printable(reason)}\n")
                case FlowClosed(reason=why):
                    sys.stdout.write(f"flow {event.flow}: {why}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    run(main(Config(listen_port=int(sys.argv[1]) if len(sys.argv) > 1 else 8080)))
