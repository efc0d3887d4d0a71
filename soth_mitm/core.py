"""Wire a proxy together: settings in, a listening proxy out, and its orderly end."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from soth_mitm._version import __version__
from soth_mitm.config import Config, difference
from soth_mitm.control import Control
from soth_mitm.errors import SothError, StartError
from soth_mitm.model.events import CaLoaded, ConfigReloaded, Event, Notice, SessionEnded, SessionStarted
from soth_mitm.net import transparent
from soth_mitm.net.admission import Admission
from soth_mitm.net.dial import Dialer, Override
from soth_mitm.net.drain import Drain, Watchdog
from soth_mitm.net.listener import Listener
from soth_mitm.net.loops import run
from soth_mitm.net.pool import Pool
from soth_mitm.net.process.lookup import ProcessLookup
from soth_mitm.net.shared import Shared
from soth_mitm.net.sockets import raise_descriptor_limit
from soth_mitm.net.tls import keylog
from soth_mitm.net.tls.ca import CertificateAuthority
from soth_mitm.net.tls.leaf import LeafCache
from soth_mitm.net.tls.roots import choice_of, system_trusts
from soth_mitm.net.tls.upstream import UpstreamTls
from soth_mitm.policy import modes
from soth_mitm.policy.breakpoints import given
from soth_mitm.policy.decision import Policy
from soth_mitm.policy.routes import Routes
from soth_mitm.policy.rules import from_tables
from soth_mitm.record.bus import Bus
from soth_mitm.text import printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from types import TracebackType

    from soth_mitm.hooks.handler import Handler
    from soth_mitm.model.limits import Counters
    from soth_mitm.net.pausing import LeftPaused
    from soth_mitm.policy.modes import Endpoint

__all__ = ["Proxy", "run"]

_AT_START = ("mode", "listen_host", "listen_port", "keep_host", "proxy_protocol", "server_replay")
"""Settings of listeners and dumps, which stay as they were opened."""


class Proxy:
    """An intercepting proxy.

    ```python
    async with Proxy(Config(listen_port=0), handler) as proxy:
        async for event in proxy.events():
            ...
    ```

    Entering binds the port; leaving drains: it stops accepting, gives open flows
    `limits.drain_timeout` seconds, and cuts the rest. Raises `StartError`, `CaError` or
    `ConfigError`, whose texts say what to do.
    """

    def __init__(
        self,
        config: Config | None = None,
        handler: Handler | None = None,
        *,
        bus: Bus | None = None,
        run_id: str | None = None,
        resolver: Override | None = None,
        listen: bool = True,
    ) -> None:
        """Make a proxy of `config`; one that does not `listen` serves replays alone."""
        self.config = config or Config()
        self.bus = bus or Bus()
        self.run_id = run_id or uuid.uuid4().hex
        self._handler = handler
        self._resolver = resolver
        self._listens = listen
        self.addresses: list[tuple[str, int]] = []
        """The TCP addresses at which it listens; known once entered."""
        self.listeners: list[Endpoint] = []
        """All places at which it listens, with their modes; known once entered."""

    async def __aenter__(self) -> Proxy:
        """Start: load or make the CA, bind, and accept."""
        config = self.config
        endpoints = modes.endpoints(config) if self._listens else []
        if not transparent.AVAILABLE and any(p.mode.kind is modes.Kind.TRANSPARENT for p in endpoints):
            raise StartError("the mode transparent needs Linux; use regular, or socks5")
        rules = from_tables(config.message_rules)
        shared = self._shared = Shared(config, self.bus, self._handler)
        shared.ruling.replace(rules, from_file=True)
        soft, _ = raise_descriptor_limit()
        self.bus.publish(SessionStarted(self.run_id, __version__, platform=sys.platform))
        if 0 < soft < 4096:
            self.bus.publish(
                Notice("warning", f"only {soft} files may be open (ulimit -n): tunnels take six each")
            )
        shared.ca = self.ca = CertificateAuthority.load_or_create(config.directory, key_type=config.key_type)
        secrets = self._keylog()
        shared.leaves = LeafCache(shared.ca, capacity=max(1, config.limits.leaf_cache), secrets=secrets)
        shared.leaves.configure(config.tls)
        shared.tls = UpstreamTls(
            roots=choice_of(config.upstream_roots),
            session_capacity=config.limits.session_cache,
            settings=config.tls,
            secrets=secrets,
        )
        shared.leaves.counters = shared.tls.sessions.counters = shared.counters
        shared.tls.configure(config.tls)
        shared.tls.context(verify=not config.insecure, kind=config.tls.profile)
        shared.dialer = Dialer(
            connect_timeout=config.limits.connect_timeout, override=self._resolver, meet=shared.meet_proxy
        )
        shared.pool = Pool(shared)
        shared.admission = Admission(shared)
        self._tell_ca()
        shared.processes = self._process_lookup(shared)
        self._listener = Listener(shared)
        self._watchdog = Watchdog(shared)
        self._drain = Drain(shared, self._listener)
        self.control = Control(shared, drain=self._drain, reload=self.reload)
        try:
            await shared.ruling.replay(config.server_replay)
            self.listeners = self._listener.open(endpoints)
        except SothError:
            self.bus.publish(SessionEnded("start_failed"))
            raise
        self.addresses = _addresses(self.listeners)
        shared.mode_hops = [place.mode.hop for place in self.listeners if place.mode.hop is not None]
        shared.listening = _addresses(sorted(self.listeners, key=_is_no_proxy))
        self._watchdog.start()
        return self

    def _tell_ca(self) -> None:
        ca = self.ca
        self.bus.publish(
            CaLoaded(
                str(ca.certificate_path),
                ca.fingerprint_sha256,
                ca.key_description,
                ca.created,
                int(ca.not_after.timestamp()),
                private=ca.private,
                trusted=False if ca.created else system_trusts(ca.certificate_pem.decode("ascii")),
            )
        )

    def _keylog(self) -> Path | None:
        """Return where TLS secrets go, and say so; a variable that names no good file is only told."""
        asked, variable = self.config.tls.keylog, os.environ.get(keylog.VARIABLE, "")
        if not asked and not variable:
            return None
        try:
            path = keylog.prepare(Path(asked or variable))
        except keylog.KeylogError as error:
            if asked:
                raise
            self.bus.publish(Notice("warning", printable(f"{keylog.VARIABLE}: {error}")))
            return None
        text = f"TLS secrets of both sides are written to {path}: whoever has it can read this traffic"
        self.bus.publish(Notice("warning", printable(text)))
        return path

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drain, and publish the end of the session."""
        await self.drain()
        self._watchdog.stop()
        self._shared.slices.finish()
        await self._shared.ruling.close()
        if self._shared.processes is not None:
            self._shared.processes.close()
        self._shared.ended = True
        self.bus.publish(SessionEnded("stopped" if error is None else f"{type(error).__name__}"))

    @staticmethod
    def _process_lookup(shared: Shared) -> ProcessLookup | None:
        config = shared.config
        if not config.process_lookup:
            return None
        return ProcessLookup(shared.loop, config.limits, counters=shared.counters, publish=shared.bus.publish)

    async def drain(self, deadline: float | None = None, *, paused: LeftPaused = "resume") -> int:
        """Stop accepting, give open flows `deadline` seconds, cut the rest; return how many were cut.

        What is paused at breakpoints goes on with its edits, or is dropped.
        """
        return await self.control.drain(deadline, paused=paused)

    def reload(self, config: Config) -> tuple[str, ...]:
        """Use other settings for connections made from now on; return the names of what changed.

        Connections that are open keep what they began with. A CA that was rotated meanwhile is used,
        and told by another `ca_loaded`. The modes and where they listen, the trust store and the file
        for TLS secrets stay as they are until a restart. Raises `StartError` for settings of TLS that
        OpenSSL refuses, and `ConfigError` for breakpoints that cannot work; then they have not changed.
        """
        changed, routes = difference(self.config, config), Routes(config, os.environ)
        rules = from_tables(config.message_rules)
        breakpoints = given(config)
        self._shared.leaves.configure(config.tls)
        self._shared.tls.configure(config.tls)
        if self.ca.replaced:
            self.ca = self._shared.ca = CertificateAuthority.load_or_create(self.config.directory)
            self._shared.leaves.use(self.ca)
            self._tell_ca()
        if changed:
            self.config = self._shared.config = config
            self._shared.policy = Policy(config)
            self._shared.learning.learner.settings = config.tls
            self._shared.routes = routes
            self._shared.pauses.limit(config.limits)
            if "breakpoints" in changed:
                self._shared.pauses.breakpoints.give(breakpoints)
                self._shared.chain_changed()
            if "message_rules" in changed:
                self._shared.ruling.replace(rules, from_file=True)
            self.bus.publish(ConfigReloaded(changed))
            late = [name for name in changed if name in _AT_START]
            if late:
                self.bus.publish(Notice("warning", f"{', '.join(late)}: in force from the next start on"))
        return changed

    async def events(self, *, on_full: Literal["gap", "block"] = "gap") -> AsyncIterator[Event]:
        """Yield the events from now on, at the caller's own rate.

        A caller that is slower than the traffic misses events, and gets one `capture_gap` that says
        how many (`on_full="gap"`), or slows the traffic down (`"block"`).
        """
        queue = self.bus.cursor(capacity=self.config.limits.cursor_queue_events, on_full=on_full)
        try:
            async for event in queue:
                yield event
        finally:
            queue.close()

    @property
    def counters(self) -> Counters:
        """How often each budget was used up, and how full the live ones are."""
        return self._shared.counters


def _addresses(places: Iterable[Endpoint]) -> list[tuple[str, int]]:
    return [(place.host, place.port) for place in places if not place.mode.path]


def _is_no_proxy(place: Endpoint) -> bool:
    """Put those first that a client can be told to use as its proxy."""
    return place.mode.kind not in modes.FORWARDING
