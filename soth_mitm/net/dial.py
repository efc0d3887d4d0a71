"""Reach an upstream: resolve its name, then connect to the address that answers first (RFC 8305)."""

from __future__ import annotations

import asyncio
import errno
import functools
import ipaddress
import socket
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from weakref import WeakSet

from soth_mitm.errors import SothError
from soth_mitm.model.events import DialFailed, DialResolved, DialStarted
from soth_mitm.model.outcomes import dial_hint
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import hops
from soth_mitm.net.sockets import tune
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.net.life import ConnLife
    from soth_mitm.net.securehop import Meeting
    from soth_mitm.policy.routes import Hop

Address = tuple[str, int]
Override = Callable[[str, int], Sequence[Address] | None]
"""Where to connect instead of what the name resolves to; None leaves it to the name."""

STAGGER = 0.25
"""Seconds before the next address is tried beside the one that has not answered (RFC 8305 section 5)."""

_WORDS = {
    "dns_not_found": "the name does not resolve",
    "dns_failed": "the name server did not answer",
    "dns_timeout": "name resolution took too long",
    "connect_refused": "nothing listens on that port",
    "connect_timeout": "no answer in time",
    "network_unreachable": "there is no route to it",
    "host_unreachable": "the host cannot be reached",
    "connect_failed": "the connection failed",
    "connect_reset": "the connection was reset",
    "upstream_host_full": "too many connections to it are open",
    "upstream_queue_timeout": "no connection to it became free in time",
    "circuit_open": "it is left alone for a moment",
    "self_loop": "it is this proxy itself",
    "proxy_auth_required": "that proxy does not let us in",
    "proxy_refused": "that proxy refused",
    "proxy_closed": "that proxy hung up",
    "proxy_timeout": "that proxy did not answer",
    "proxy_reply_invalid": "that proxy's answer makes no sense",
    "proxy_tls_failed": "TLS with that proxy failed",
}

REFUSED_HERE = frozenset({"upstream_host_full", "upstream_queue_timeout", "circuit_open"})
"""Codes of dials that were not made, because of a budget."""

Stage = Literal["resolve", "connect", "proxy"]


class DialError(SothError):
    """An upstream could not be reached. `code` is stable; the text names host, stage and cause."""

    def __init__(
        self, host: str, port: int, *, stage: Stage, code: str, detail: str, via: Hop | None = None
    ) -> None:
        self.host = host
        self.port = port
        self.via = via
        self.stage: Stage = stage
        self.code = code
        self.detail = printable(detail, 300)
        self.status = 503 if code in REFUSED_HERE else 508 if code == "self_loop" else 502
        """What to answer the client with."""
        self.reason = (
            CloseReason.LIMIT_REACHED
            if code in REFUSED_HERE
            else CloseReason.SELF_LOOP
            if code == "self_loop"
            else CloseReason.UPSTREAM_CONNECT_FAILED
        )
        """How the flow ends."""
        self.hint = dial_hint(stage, code, printable(host, 255), port, "" if via is None else str(via))
        through = "" if via is None else f" through {via}"
        super().__init__(
            f"cannot reach {printable(host, 255)}:{port}{through}: {_WORDS.get(code, code)} ({self.detail})"
        )

    def told(self) -> DialFailed:
        """Return the event that tells it."""
        return DialFailed(self.stage, self.code, self.detail, "" if self.via is None else str(self.via))


class Dialled(NamedTuple):
    """A connected socket, and how long its making took."""

    sock: socket.socket
    address: Address
    dns_ns: int
    connect_ns: int
    local: Address | None = None
    """Where the connection comes from, where the socket does not know."""

    @property
    def near(self) -> Address:
        """Our own address."""
        return self.local or self.sock.getsockname()


class Dialer:
    """Resolve and connect within one budget of `connect_timeout` seconds.

    Answers of the resolver are kept `ttl` seconds, at most `capacity` of them.
    """

    def __init__(
        self,
        *,
        connect_timeout: float,
        override: Override | None = None,
        meet: Callable[[Hop], Meeting] | None = None,
        ttl: float = 30.0,
        capacity: int = 1024,
    ) -> None:
        self._timeout = connect_timeout
        self._override = override
        self._meet = meet
        """Says how TLS is begun with a proxy that wants it."""
        self._ttl = ttl
        self._capacity = capacity
        self._made: WeakSet[socket.socket] = WeakSet()
        self._cache: OrderedDict[Address, tuple[float, tuple[Address, ...]]] = OrderedDict()

    def known(self, host: str, port: int) -> tuple[Address, ...] | None:
        """Return the addresses where no look-up is needed: overridden, literal, or seen lately."""
        if self._override is not None:
            given = self._override(host, port)
            if given is not None:
                return tuple(given)
        if _is_literal(host):
            return ((host, port),)
        entry = self._cache.get((host, port))
        if entry is None or entry[0] < asyncio.get_running_loop().time():
            return None
        self._cache.move_to_end((host, port))
        return entry[1]

    async def resolve(self, host: str, port: int) -> tuple[Address, ...]:
        """Return the addresses of `host`, families interleaved, IPv6 first.

        Raises:
            DialError: the name does not resolve, or not in time.
        """
        known = self.known(host, port)
        if known is not None:
            return known
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise DialError(
                host, port, stage="resolve", code="dns_timeout", detail=f"no answer in {self._timeout:g} s"
            ) from error
        except (OSError, UnicodeError) as error:
            missing = getattr(error, "errno", None) in (
                socket.EAI_NONAME,
                getattr(socket, "EAI_NODATA", None),
            )
            code = "dns_not_found" if missing or isinstance(error, UnicodeError) else "dns_failed"
            detail = getattr(error, "strerror", None) or str(error)
            raise DialError(host, port, stage="resolve", code=code, detail=detail) from error
        addresses = _interleave([(str(info[4][0]), int(info[4][1])) for info in infos])
        self._cache[host, port] = (loop.time() + self._ttl, addresses)
        if len(self._cache) > self._capacity:
            self._cache.popitem(last=False)
        return addresses

    async def connect(
        self,
        life: ConnLife,
        host: str,
        port: int,
        *,
        via: Hop | None = None,
        tunnel: bool = True,
        waited_ns: int = 0,
    ) -> Dialled:
        """Connect to `host`, publishing the phases as events of `life`; its terminal event is the caller's.

        With `via`, through that proxy; without `tunnel`, only as far as it: it is sent whole requests.

        Raises:
            DialError: after the `DialFailed` event.
        """
        clock = life.bus.clock.monotonic_ns
        started = life.emit(DialStarted(host, port, "" if via is None else str(via), waited_ns))
        near = (host, port) if via is None else (via.host, via.port)
        try:
            addresses = await self.resolve(*near)
            resolved = life.emit(DialResolved(tuple(f"{ip}" for ip, _ in addresses)))
            try:
                async with asyncio.timeout(self._timeout):
                    if via is None:
                        sock, address = await self._race(addresses, self._attempt)
                        local = None
                    elif via.speaks_http:
                        sock, address, local = await self._to_proxy(via, addresses)
                        if tunnel:
                            await self._tunnel(sock, via, host, port)
                    else:
                        sock, address = await self._by_socks(via, addresses, host, port)
                        local = None
            except TimeoutError as error:
                detail = f"no answer in {self._timeout:g} s"
                raise DialError(*near, stage="connect", code="connect_timeout", detail=detail) from error
            except hops.HopError as error:
                raise DialError(*near, stage="proxy", code=error.code, detail=error.detail) from error
            except OSError as error:
                self._cache.pop(near, None)
                code, detail = _connect_code(error), error.strerror or str(error)
                raise DialError(*near, stage="connect", code=code, detail=detail) from error
        except DialError as error:
            if via is not None:
                error = DialError(
                    host, port, stage=error.stage, code=error.code, detail=error.detail, via=via
                )
            life.emit(error.told())
            raise error from error.__cause__
        return Dialled(sock, address, resolved - started, clock() - resolved, local)

    async def _to_proxy(
        self, via: Hop, addresses: tuple[Address, ...]
    ) -> tuple[socket.socket, Address, Address | None]:
        """Connect to an HTTP proxy; in TLS, where that is how it is reached."""
        sock, address = await self._race(addresses, self._attempt)
        meet = self._meet
        if not via.secure or meet is None:
            return sock, address, None
        # Here, so that who has no such proxy never loads what carries TLS to it.
        from soth_mitm.net.securehop import secure

        local: Address = sock.getsockname()
        return await secure(sock, lambda: meet(via), host=via.host, port=via.port), address, local

    async def _tunnel(self, sock: socket.socket, via: Hop, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            await hops.open_tunnel(loop, sock, via, host=host, port=port, timeout=self._timeout)
        except BaseException:
            sock.close()
            raise

    async def _by_socks(
        self, via: Hop, addresses: tuple[Address, ...], host: str, port: int
    ) -> tuple[socket.socket, Address]:
        """Connect to a SOCKS proxy, and have it connect on."""
        if via.scheme == "socks5":  # an IPv4 address is what such a proxy most likely can reach
            found = sorted(await self.resolve(host, port), key=lambda each: ":" in each[0])
            host, port = found[0]

        async def attempt(address: Address) -> socket.socket:
            return await hops.socks(address, via, host=host, port=port, timeout=self._timeout)

        return await self._race(addresses, attempt)

    async def _attempt(self, address: Address) -> socket.socket:
        return await _attempt(address, self._made)

    def is_ours(self, address: object) -> bool:
        """Return whether a connection that came from `address` is one that was dialled here.

        That is how a redirection shows that leads back to the proxy that makes the connections. Those to
        a SOCKS proxy are made elsewhere, and not known.
        """
        return any(sock.fileno() >= 0 and sock.getsockname() == address for sock in list(self._made))

    async def _race(
        self, addresses: tuple[Address, ...], attempt: Callable[[Address], Coroutine[Any, Any, socket.socket]]
    ) -> tuple[socket.socket, Address]:
        if len(addresses) == 1:
            return await attempt(addresses[0]), addresses[0]
        loop = asyncio.get_running_loop()
        waiting = list(addresses)
        running: dict[asyncio.Future[socket.socket], Address] = {}
        first_error: OSError | hops.HopError | None = None
        winner: tuple[socket.socket, Address] | None = None
        try:
            while winner is None and (waiting or running):
                if waiting:
                    address = waiting.pop(0)
                    running[loop.create_task(attempt(address), name=f"connect {address[0]}")] = address
                done, _ = await asyncio.wait(
                    running, timeout=STAGGER if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    address = running.pop(task)
                    error = task.exception()
                    if error is None and winner is None:
                        winner = task.result(), address
                    elif error is None:
                        task.result().close()
                    elif isinstance(error, (OSError, hops.HopError)):
                        first_error = first_error or error
        finally:
            await _abandon(running)
        if winner is None:
            raise first_error or OSError(errno.EHOSTUNREACH, "no address to connect to")
        return winner


@functools.lru_cache(maxsize=1024)
def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


async def _abandon(running: dict[asyncio.Future[socket.socket], Address]) -> None:
    for task in running:
        task.cancel()
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(outcome, socket.socket):
            outcome.close()


async def _attempt(address: Address, made: WeakSet[socket.socket]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    made.add(sock)
    try:
        tune(sock)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _interleave(addresses: list[Address]) -> tuple[Address, ...]:
    unique = list(dict.fromkeys(addresses))
    six = [address for address in unique if ":" in address[0]]
    four = [address for address in unique if ":" not in address[0]]
    mixed: list[Address] = []
    while six or four:
        if six:
            mixed.append(six.pop(0))
        if four:
            mixed.append(four.pop(0))
    return tuple(mixed)


def _connect_code(error: OSError) -> str:
    return {
        errno.ECONNREFUSED: "connect_refused",
        errno.ETIMEDOUT: "connect_timeout",
        errno.ENETUNREACH: "network_unreachable",
        errno.EHOSTUNREACH: "host_unreachable",
        errno.ECONNRESET: "connect_reset",
    }.get(error.errno or 0, "connect_failed")
