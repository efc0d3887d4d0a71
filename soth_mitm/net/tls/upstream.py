"""Client contexts for the upstream side: one per TLS profile, and sessions resumed per peer.

The loops call `wrap_bio` without a session. Our contexts add one: the caller names the peer in a
context variable around the dial, and the loop runs `wrap_bio` in that context (asyncio and uvloop
alike). A resumed handshake does not check the certificate again, so a session is kept under all
that the check depended on, and is never used under another context.
"""

from __future__ import annotations

import contextlib
import ssl
from collections import OrderedDict
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from soth_mitm.config import TlsProfile, TlsSettings
from soth_mitm.errors import StartError
from soth_mitm.net.tls import hostnames, keylog, profiles, roots
from soth_mitm.net.tls.names import as_address
from soth_mitm.net.tls.roots import RootsChoice, RootsReport, choice_of, load_roots

if TYPE_CHECKING:
    from soth_mitm.model.limits import Counters
    from soth_mitm.policy.tls import UpstreamRule


class ClientCertificateError(StartError):
    """A client certificate cannot be used; the text names the file and says why."""

    tls_reason = "client_certificate_unusable"


class ClientCertificateMissing(StartError):
    """The settings require a client certificate where they name none."""

    tls_reason = "client_certificate_missing"


class NameRequired(StartError):
    """The settings require a server name where there is only an address."""

    tls_reason = "sni_required"


class Profile(NamedTuple):
    """All that makes one client context differ from another."""

    verify: bool
    client_cert: Path | None
    alpn: tuple[str, ...]
    kind: TlsProfile = "default"
    roots: str = ""
    """`os`, `certifi` or a PEM file; empty: what holds for all upstreams."""
    named: bool = True
    """Whether the server is told which host is wanted (SNI)."""


class PeerKey(NamedTuple):
    """Who a session was made with, and under which rule; sessions of different keys never mix."""

    host: str
    port: int
    sni: str | None
    verify: bool


_peer: ContextVar[PeerKey | None] = ContextVar("tls_peer", default=None)
_made: ContextVar[list[ssl.SSLObject] | None] = ContextVar("tls_made", default=None)
"""What the running dial has made so far."""


class SessionStore:
    """Keep one session per profile and peer, at most `capacity`, the least recently used thrown out."""

    def __init__(self, capacity: int) -> None:
        self.counters: Counters | None = None
        """Where sessions that are thrown out are counted."""
        self._capacity = capacity
        self._sessions: OrderedDict[tuple[Profile, PeerKey], tuple[ssl.SSLContext, ssl.SSLSession]]
        self._sessions = OrderedDict()
        self._made_for: WeakKeyDictionary[ssl.SSLObject, tuple[Profile, PeerKey]] = WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self._sessions)

    def offer(self, context: UpstreamContext, server_hostname: str | None) -> ssl.SSLSession | None:
        """Return the session to offer to the peer that the running dial has named, if there is one.

        A session belongs to the context in which it was made; another of the same profile, as after a
        reload, cannot take it up.
        """
        profile = context.profile
        peer = _peer.get()
        if peer is None or not _is_for(peer, profile, server_hostname):
            return None
        made_in, session = self._sessions.get((profile, peer), (None, None))
        if made_in is not context:
            return None
        self._sessions.move_to_end((profile, peer))
        return session

    def made(self, profile: Profile, server_hostname: str | None, ssl_object: ssl.SSLObject) -> None:
        """Note for which peer `ssl_object` was made, so that its session can be kept later."""
        peer = _peer.get()
        if peer is not None and _is_for(peer, profile, server_hostname):
            self._made_for[ssl_object] = (profile, peer)

    def keep(self, ssl_object: ssl.SSLObject) -> None:
        """Keep the session of a connection that was made for a named peer, if it can be resumed."""
        key = self._made_for.get(ssl_object)
        session = ssl_object.session if key is not None and self._capacity > 0 else None
        if key is None or session is None or not (session.has_ticket or session.id):
            return
        self._sessions[key] = (ssl_object.context, session)
        self._sessions.move_to_end(key)
        if len(self._sessions) > self._capacity:
            self._sessions.popitem(last=False)
            if self.counters is not None:
                self.counters.hit("session_cache")

    def drop(self, peer: PeerKey) -> None:
        """Forget all sessions made with `peer`, whatever the profile."""
        for key in [key for key in self._sessions if key[1] == peer]:
            del self._sessions[key]


def _is_for(peer: PeerKey, profile: Profile, server_hostname: str | None) -> bool:
    """Return whether a handshake is with the peer that the running dial has named, under its rule."""
    told = peer.sni if profile.named else None
    return peer.verify == profile.verify and told == server_hostname


class UpstreamContext(ssl.SSLContext):
    """A client context that offers a kept session, if the running dial has named its peer."""

    profile: Profile
    store: SessionStore

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Do what `ssl.SSLContext.wrap_bio` does, with the session added."""
        sni = server_hostname.decode("ascii") if isinstance(server_hostname, bytes) else server_hostname
        ssl_object = super().wrap_bio(
            incoming, outgoing, server_side, sni, session or self.store.offer(self, sni)
        )
        self.store.made(self.profile, sni, ssl_object)
        made = _made.get()
        if made is not None:
            made.append(ssl_object)
        if isinstance(ssl_object, NamelessObject):
            peer = _peer.get()
            ssl_object.expected = (peer.sni or "") if peer is not None else ""
        return ssl_object


class NamelessObject(ssl.SSLObject):
    """A client's connection that sends no SNI, and checks the certificate's names all the same.

    OpenSSL checks a name only where it also sends it, so the names are compared here, at the end of
    the handshake.
    """

    expected: str
    """The host; empty where nobody has named one: then no certificate is right."""

    def do_handshake(self) -> None:
        """Do what `ssl.SSLObject.do_handshake` does, and raise where the certificate has other names."""
        super().do_handshake()
        hostnames.check(self.getpeercert() or {}, self.expected)


class UpstreamTls:
    """Build client contexts once per profile and remember sessions per peer.

    The first context that verifies takes about 20 ms (the roots are parsed): ask for it before
    traffic starts. TLS secrets go to the file `secrets`, if given. Not thread-safe: it belongs to
    the loop.
    """

    def __init__(
        self,
        *,
        roots: RootsChoice = "os",
        session_capacity: int = 4096,
        settings: TlsSettings | None = None,
        secrets: Path | None = None,
    ) -> None:
        self._roots = roots
        self._secrets = secrets
        self._settings = settings or TlsSettings()
        self._contexts: dict[Profile, ssl.SSLContext] = {}
        self.sessions = SessionStore(session_capacity)
        self.roots_report: RootsReport | None = None
        """Where trust comes from; known once the first context that verifies is built."""

    def context(
        self,
        *,
        verify: bool,
        client_cert: Path | None = None,
        alpn: tuple[str, ...] = ("http/1.1",),
        kind: TlsProfile = "default",
        roots: str = "",
        named: bool = True,
    ) -> ssl.SSLContext:
        """Return the context of a profile; the same one each time, so never change it.

        `verify=False` accepts any certificate and also what a verifying client refuses for its
        age: TLS 1.0 and 1.1, weak ciphers and keys, servers without secure renegotiation.
        `client_cert` is a PEM file with certificate and unencrypted key. A context that is not
        `named` is for a dial inside `resuming` whose `server_hostname` is "": no SNI is sent, and
        the certificate is checked for the peer's host. Raises `RootsError`, `TlsSettingsError` or
        `ClientCertificateError`.
        """
        profile = Profile(verify, client_cert, alpn, kind, roots if verify else "", named)
        context = self._contexts.get(profile)
        if context is None:
            context = self._contexts[profile] = self._build(profile)
        return context

    def meet(
        self, rule: UpstreamRule, name: str, *, verify: bool, alpn: tuple[str, ...]
    ) -> tuple[ssl.SSLContext, str]:
        """Return the context and the `server_hostname` for a handshake with the upstream called `name`.

        Raises what `context` raises, `ClientCertificateMissing` and `NameRequired`.
        """
        if rule.sni == "required" and as_address(name) is not None:
            raise NameRequired(f"sni = required, and {name} is an address, which SNI cannot name")
        if rule.client_cert_mode == "required" and not rule.client_cert:
            raise ClientCertificateMissing(f"no client certificate is set for {name}, and one is required")
        named = rule.sni != "disabled"
        context = self.context(
            verify=verify,
            client_cert=Path(rule.shown_cert).expanduser() if rule.shown_cert else None,
            alpn=alpn,
            kind=rule.profile,
            roots=rule.roots,
            named=named,
        )
        return context, name if named else ""

    def configure(self, settings: TlsSettings) -> None:
        """Use other settings for contexts that are asked for from now on; files are read again.

        Raises `TlsSettingsError` where OpenSSL refuses them; the old ones then stay.
        """
        for verify in (True, False):
            shape = profiles.upstream_shape(settings.profile, settings, verify=verify)
            profiles.apply(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), shape)
        if settings != self._settings:
            self._settings = settings
            self._contexts.clear()
        for profile in [each for each in self._contexts if each.client_cert is not None or each.roots]:
            del self._contexts[profile]

    def _build(self, profile: Profile) -> ssl.SSLContext:
        context = self._verifying(profile) if profile.verify else self._tolerant()
        if isinstance(context, UpstreamContext):
            context.profile, context.store = profile, self.sessions
        shape = profiles.upstream_shape(profile.kind, self._settings, verify=profile.verify)
        profiles.apply(context, shape)
        if profile.alpn:
            context.set_alpn_protocols(list(profile.alpn))
        if profile.client_cert is not None:
            _load_client_certificate(context, profile.client_cert)
        if self._secrets is not None:
            keylog.write_to(context, self._secrets)
        return context

    def _verifying(self, profile: Profile) -> ssl.SSLContext:
        choice = choice_of(profile.roots) if profile.roots else self._roots
        context: ssl.SSLContext
        if roots.SYSTEM_VERIFIER and choice != "certifi" and profile.named:
            import truststore

            context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        else:
            context = UpstreamContext(ssl.PROTOCOL_TLS_CLIENT)
        if not profile.named:
            context.check_hostname = False
            context.sslobject_class = NamelessObject
            if roots.SYSTEM_VERIFIER:  # it wants a name, which OpenSSL would send
                choice = "certifi" if choice == "os" else choice
        # A trusted intermediate is enough, as in curl and in Python 3.13's default context.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        report = load_roots(context, choice)
        if not profile.roots:
            self.roots_report = report
        return context

    @staticmethod
    def _tolerant() -> ssl.SSLContext:
        context = UpstreamContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    @contextlib.contextmanager
    def resuming(
        self, host: str, port: int, *, sni: str | None = None, verify: bool = True
    ) -> Iterator[PeerKey]:
        """Let handshakes that start inside this block resume the peer's last session.

        Put it around the whole dial: around `loop.create_connection`, and where `loop.start_tls`
        follows (through a proxy), around both, for uvloop runs the handshake in the context in
        which the connection was made. `sni` is the `server_hostname` (by default `host`), `verify`
        that of the context; a handshake for which they differ (that of an HTTPS proxy on the way)
        is done in full. Yields the key, for `forget`.
        """
        key = PeerKey(host, port, host if sni is None else sni, verify)
        peer, made = _peer.set(key), _made.set([])
        try:
            yield key
        finally:
            _made.reset(made)
            _peer.reset(peer)

    @staticmethod
    def answered() -> bool:
        """Return, inside `resuming`, whether the server has answered the hello with a hello of its own.

        What it complains of after that is none of versions, ciphers and names.
        """
        return any(each.cipher() is not None for each in _made.get() or ())

    def remember(self, ssl_object: ssl.SSLObject) -> None:
        """Keep the connection's session for the next one to the same peer.

        Call it after the first data came, or at the end: TLS 1.3 sends its tickets after the
        handshake. A connection that was dialled outside `resuming` is ignored.
        """
        self.sessions.keep(ssl_object)

    def forget(self, key: PeerKey) -> None:
        """Drop the peer's sessions, as after a handshake that failed while one was offered."""
        self.sessions.drop(key)


def _load_client_certificate(context: ssl.SSLContext, path: Path) -> None:
    def refuse_password() -> str:
        raise ClientCertificateError(
            f"client certificate {path}: its key is encrypted; store it without a password (mode 0600)"
        )

    try:
        context.load_cert_chain(path, password=refuse_password)
    except ssl.SSLError as error:
        raise ClientCertificateError(
            f"client certificate {path}: {error.reason or error}; it must hold a certificate and its "
            f"key, both in PEM form"
        ) from error
    except OSError as error:
        raise ClientCertificateError(f"client certificate {path}: {error.strerror or error}") from error
