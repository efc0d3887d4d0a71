"""The WebSocket cases of kosoku (those of Autobahn's test suite), direct and through the proxy.

Run it as `make websocket-cases`, or `python -m tests.conformance.websocket_cases --help`. What counts is
the comparison: a case may fail through the proxy only where it fails without one too.

The tested server and client are those of the `websockets` package; kosoku plays the other side, and sends
frames that break the rules on purpose. The proxy runs in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import kosoku
import trustme
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from soth_mitm.config import Config
from soth_mitm.core import Proxy
from soth_mitm.hooks.decisions import Change, MessageDecision
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import Message

if TYPE_CHECKING:
    from kosoku._kosoku import CaseResult
    from websockets.asyncio.connection import Connection

HOST = "127.0.0.1"
CORE = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")
"""All that is about the protocol: 247 cases."""
LIMITS = ("9.*",)
"""Long messages, up to 16 MiB."""
DEFLATE = ("12.*", "13.*")
"""Compression."""


OFFERS = (
    ClientPerMessageDeflateFactory(client_max_window_bits=True),
    ClientPerMessageDeflateFactory(client_no_context_takeover=True, client_max_window_bits=True),
)
"""What the tested client offers: each case takes the one that it needs."""


class Rewriting(Handler):
    """Has every message framed anew, with the payload that it had."""

    async def on_message(self, message: Message) -> MessageDecision:
        return Change(message.data)


class Bench:
    """What the ways share: certificates, and what has to be closed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._authority = trustme.CA()
        self.roots = directory / "roots.pem"
        self._authority.cert_pem.write_to_path(self.roots)
        self.server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(HOST).configure_cert(self.server_context)

    @contextlib.asynccontextmanager
    async def proxy(self, *, mode: str = "", handler: Handler | None = None) -> AsyncIterator[Proxy]:
        """Run a proxy that trusts the server."""
        config = Config(
            listen_port=0,
            confdir=str(self.directory / "conf"),
            upstream_roots=str(self.roots),
            mode=(mode,) if mode else (),
            spill=False,
        )
        async with Proxy(config, handler) as proxy:
            yield proxy


async def _echo(socket: Connection) -> None:
    with contextlib.suppress(websockets.ConnectionClosed):
        async for message in socket:
            await socket.send(message)


@contextlib.asynccontextmanager
async def echoing(context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve the tested server; yield its port."""
    async with serve(_echo, HOST, 0, ssl=context, max_size=None, ping_interval=None) as server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def connecting(proxy: int, target: int, context: ssl.SSLContext | None) -> AsyncIterator[int]:
    """Stand for a client that knows of the proxy, since kosoku knows of none; yield the port to use.

    Each connection goes on through a CONNECT, and where a context is given through TLS in it.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
            else:
                writer.close()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        beyond, out = await asyncio.open_connection(HOST, proxy)
        try:  # a cancelled task would be complained about by asyncio's streams
            out.write(b"CONNECT %b:%d HTTP/1.1\r\n\r\n" % (HOST.encode(), target))
            await beyond.readuntil(b"\r\n\r\n")
            if context is not None:
                await out.start_tls(context, server_hostname=HOST)
            await asyncio.gather(pump(reader, out), pump(beyond, writer))
        except asyncio.CancelledError:
            pass
        finally:
            for end in (writer, out):
                end.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve_one, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# --- the ways: each yields the port that kosoku is to use

Way = Callable[[Bench], "contextlib.AbstractAsyncContextManager[int]"]


@contextlib.asynccontextmanager
async def _direct(bench: Bench) -> AsyncIterator[int]:
    async with echoing() as port:
        yield port


@contextlib.asynccontextmanager
async def _through_connect(bench: Bench, handler: Handler | None = None) -> AsyncIterator[int]:
    async with (
        echoing() as port,
        bench.proxy(handler=handler) as proxy,
        connecting(proxy.addresses[0][1], port, None) as entry,
    ):
        yield entry


@contextlib.asynccontextmanager
async def _intercepted(bench: Bench) -> AsyncIterator[int]:
    async with echoing(bench.server_context) as port, bench.proxy() as proxy:
        context = ssl.create_default_context(cafile=str(proxy.ca.certificate_path))
        async with connecting(proxy.addresses[0][1], port, context) as entry:
            yield entry


@contextlib.asynccontextmanager
async def _reverse(bench: Bench) -> AsyncIterator[int]:
    async with echoing() as port, bench.proxy(mode=f"reverse:http://{HOST}:{port}") as proxy:
        yield proxy.addresses[0][1]


def _rewritten(bench: Bench) -> contextlib.AbstractAsyncContextManager[int]:
    return _through_connect(bench, Rewriting())


WAYS: dict[str, Way] = {
    "direct": _direct,
    "connect": _through_connect,
    "intercepted": _intercepted,
    "reverse": _reverse,
    "rewritten": _rewritten,
}
"""How kosoku, as the client, reaches the tested server."""


async def run(way: str, cases: Sequence[str], *, concurrency: int = 4) -> list[CaseResult]:
    """Return the result of each case, kosoku being the client."""
    with tempfile.TemporaryDirectory() as directory:
        async with WAYS[way](Bench(Path(directory))) as port:
            try:
                return await kosoku.run_fuzzingclient(
                    f"ws://{HOST}:{port}", list(cases), concurrency=concurrency
                )
            except kosoku.FailureError as failure:
                return list(failure.results)


async def run_client(cases: Sequence[str], *, proxied: bool) -> list[CaseResult]:
    """Return the result of each case, kosoku being the server and `websockets` the tested client."""
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory))
        async with contextlib.AsyncExitStack() as stack:
            server = await stack.enter_async_context(kosoku.run_fuzzingserver(list(cases), host=HOST, port=0))
            port = server.port
            if proxied:
                proxy = await stack.enter_async_context(bench.proxy())
                port = await stack.enter_async_context(connecting(proxy.addresses[0][1], port, None))
            base = f"ws://{HOST}:{port}"
            async with connect(f"{base}/getCaseCount", proxy=None) as socket:
                count = int(await socket.recv())
            for number in range(1, count + 1):
                await _drive(f"{base}/runCase?case={number}&agent=websockets")
            async with connect(f"{base}/updateReports?agent=websockets", proxy=None):
                pass
            try:
                return await server.get_result()
            except kosoku.FailureError as failure:
                return list(failure.results)


async def _drive(url: str) -> None:
    with contextlib.suppress(websockets.WebSocketException, OSError):
        async with connect(
            url, proxy=None, max_size=None, ping_interval=None, compression=None, extensions=OFFERS
        ) as socket:
            await _echo(socket)


# --- the comparison


def failed(results: Sequence[CaseResult]) -> dict[str, str]:
    """Return the cases that failed, with their verdict."""
    return {
        result.case_id: f"{result.behavior.value}, close {result.behavior_close.value}"
        for result in results
        if not result.passed
    }


async def compare(cases: Sequence[str], ways: Sequence[str], *, say: Callable[[str], object]) -> int:
    """Run all ways; return how many cases fail through the proxy that pass without it.

    Without the proxy only those run that failed with it.
    """
    worse = 0
    for way in ways:
        began = time.monotonic()
        results = await _ask(way, cases, proxied=True)
        lost = failed(results)
        known = failed(await _ask(way, list(lost), proxied=False)) if lost else {}
        new = {case: verdict for case, verdict in lost.items() if case not in known}
        worse += len(new)
        counts = f"{len(results):4} cases, {len(lost):3} failed, {len(new):3} of them only here"
        say(f"{way:12} {counts} ({time.monotonic() - began:.0f} s)")
        for case, verdict in lost.items():
            say(f"    {case}: {verdict}{'' if case in new else ', as without the proxy'}")
    return worse


async def _ask(way: str, cases: Sequence[str], *, proxied: bool) -> list[CaseResult]:
    if way == "client":
        return await run_client(cases, proxied=proxied)
    return await run(way if proxied else "direct", cases)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(description="WebSocket conformance cases, direct and through the proxy")
    names = [*list(WAYS)[1:], "client"]
    parser.add_argument("--ways", default=",".join(names), help="which of %(default)s")
    parser.add_argument("--cases", default="", help="ids or globs; default: the 247 core cases")
    parser.add_argument("--limits", action="store_true", help="the cases of long messages too (minutes)")
    parser.add_argument("--deflate", action="store_true", help="the cases of compression too (many minutes)")
    options = parser.parse_args(arguments)
    cases: list[str] = options.cases.split(",") if options.cases else list(CORE)
    if options.limits:
        cases.extend(LIMITS)
    if options.deflate:
        cases.extend(DEFLATE)

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    worse = asyncio.run(compare(cases, options.ways.split(","), say=say))
    say(f"{worse} cases are worse through the proxy" if worse else "no case is worse through the proxy")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
