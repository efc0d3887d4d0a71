"""Server contexts for the client side: one per host, SNI, ALPN offer and upstream's names, made on demand."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.clock import Clock, SystemClock
from soth_mitm.config import TlsSettings
from soth_mitm.errors import SothError
from soth_mitm.net.tls import keylog, names, profiles
from soth_mitm.net.tls.keylog import MOST_CONTEXTS
from soth_mitm.net.tls.mirror import NOTHING, Mirror

if TYPE_CHECKING:
    from soth_mitm.model.limits import Counters
    from soth_mitm.net.tls.ca import CertificateAuthority

RENEW_BEFORE = timedelta(days=1)
"""A cached leaf with less validity left than this is minted anew (each time, in a CA's last day)."""


class LeafError(SothError):
    """No certificate can name this host; the text says which."""


class Leaf(NamedTuple):
    """A server context that proves to be a host, and what its certificate says."""

    context: ssl.SSLContext
    """Shared by every connection with the same key, so that resumption works: never change it."""
    cached: bool
    sans: tuple[str, ...]
    not_after: datetime
    fingerprint_sha256: str


class LeafStats:
    """Count how the cache did since the start."""

    __slots__ = ("evicted", "hits", "misses")

    def __init__(self) -> None:
        self.hits = 0
        self.misses = 0
        self.evicted = 0
        """Contexts thrown out for newer ones; clients that held their tickets do a full handshake."""


class LeafCache:
    """Mint and keep server contexts, at most `capacity` of them, the least recently used thrown out.

    One EC P-256 key serves all leaves of the process; it is not the CA's, it is never written to a
    disk, and it dies with the process. TLS secrets go to the file `secrets`, if given. A miss takes
    1 to 2 ms on the loop and holds about 25 KiB. Not thread-safe: it belongs to the loop.
    """

    def __init__(
        self,
        ca: CertificateAuthority,
        *,
        capacity: int = 1024,
        clock: Clock | None = None,
        settings: TlsSettings | None = None,
        secrets: Path | None = None,
    ) -> None:
        if capacity < 1:
            raise ValueError("a leaf cache needs room for one context")
        self.counters: Counters | None = None
        """Where contexts that are thrown out are counted as well."""
        self._ca = ca
        self._capacity = capacity if secrets is None else min(capacity, MOST_CONTEXTS)
        self._secrets = secrets
        self._clock = clock or SystemClock()
        self._cache: OrderedDict[tuple[str, str | None, tuple[str, ...], Mirror], Leaf] = OrderedDict()
        self._minter: _Minter | None = None
        self._settings = settings or TlsSettings()
        self.stats = LeafStats()

    def __len__(self) -> int:
        return len(self._cache)

    def use(self, ca: CertificateAuthority) -> None:
        """Sign with another CA from now on; what the old one signed is forgotten."""
        self._ca = ca
        self._minter = None
        self._cache.clear()

    def configure(self, settings: TlsSettings) -> None:
        """Use other settings for contexts that are asked for from now on.

        Raises `TlsSettingsError` where they cannot be used; the old ones then stay.
        """
        _apply(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), settings)
        if settings != self._settings:
            self._settings = settings
            self._cache.clear()

    def context_for(
        self,
        host: str,
        *,
        sni: str | None = None,
        alpn: tuple[str, ...] = ("http/1.1",),
        mirror: Mirror = NOTHING,
    ) -> Leaf:
        """Return the context to answer a client that asked for `host`, and named `sni` in its hello.

        The certificate covers both where they differ, and has the names of `mirror` besides; an SNI
        that no certificate can name is left out. An empty `alpn` offers nothing. Raises `LeafError`
        for a host that no certificate can name.
        """
        key = (host, sni, alpn, mirror)
        now = datetime.fromtimestamp(self._clock.wall_ns() / 1e9, UTC)
        leaf = self._cache.get(key)
        if leaf is not None and leaf.not_after - now > RENEW_BEFORE:
            self._cache.move_to_end(key)
            self.stats.hits += 1
            return leaf._replace(cached=True)
        self.stats.misses += 1
        if self._minter is None:
            self._minter = _Minter(self._ca)
        leaf = self._minter.mint(
            sans_of(host, sni, mirror), mirror.common_name, alpn=alpn, settings=self._settings, now=now
        )
        if self._secrets is not None:
            keylog.write_to(leaf.context, self._secrets)
        self._cache[key] = leaf
        self._cache.move_to_end(key)
        if len(self._cache) > self._capacity:
            self._cache.popitem(last=False)
            self.stats.evicted += 1
            if self.counters is not None:
                self.counters.hit("leaf_cache")
        return leaf


class _Minter:
    """Sign leaves with one key of the process's own, and load them into contexts."""

    def __init__(self, ca: CertificateAuthority) -> None:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        self._ca = ca
        self._public_key = key.public_key()
        self._key_pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def mint(
        self,
        sans: tuple[str, ...],
        common_name: str,
        *,
        alpn: tuple[str, ...],
        settings: TlsSettings,
        now: datetime,
    ) -> Leaf:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        pem = self._ca.sign_leaf(sans[0], self._public_key, also=sans[1:], common_name=common_name, now=now)
        certificate = x509.load_pem_x509_certificate(pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _apply(context, settings)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        load_chain(context, self._key_pem + pem + self._ca.certificate_pem)
        return Leaf(
            context=context,
            cached=False,
            sans=sans,
            not_after=certificate.not_valid_after_utc,
            fingerprint_sha256=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        )


def _apply(context: ssl.SSLContext, settings: TlsSettings) -> None:
    """Make a context speak what the settings say, and ask for a client certificate where they do."""
    profiles.apply(context, profiles.client_shape(settings))
    if not settings.request_client_cert:
        return
    path = Path(settings.request_client_cert).expanduser()
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise profiles.TlsSettingsError(
            f"request_client_cert {path} holds no certificate in PEM form; it must hold the CA that signs "
            f"the certificates of the clients"
        ) from error
    except OSError as error:
        raise profiles.TlsSettingsError(f"request_client_cert {path}: {error.strerror or error}") from error
    context.verify_mode = ssl.CERT_OPTIONAL


def sans_of(host: str, sni: str | None, mirror: Mirror = NOTHING) -> tuple[str, ...]:
    """Return the names that a certificate covers, the host of the CONNECT first. Raises `LeafError`."""
    first = names.normalise(host)
    if first is None:
        raise LeafError(
            f"no certificate can name the host {host[:100]!r}; it is not a DNS name or an IP address"
        )
    second = names.normalise(sni) if sni else None
    return tuple(dict.fromkeys((first, *((second,) if second else ()), *mirror.names)))


def load_chain(context: ssl.SSLContext, pem: bytes) -> None:
    """Load key and certificates from memory, although `ssl` takes only file names.

    On Linux through an anonymous memory file. Elsewhere, or where /proc is not mounted, through a
    file of mode 0600 in a directory of mode 0700 that is deleted before this returns.
    """
    if _memory_file_loads(context, pem):
        return
    with tempfile.TemporaryDirectory(prefix="soth-mitm-") as directory:
        path = Path(directory, "chain.pem")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(pem)
        context.load_cert_chain(path)


def _memory_file_loads(context: ssl.SSLContext, pem: bytes) -> bool:
    """Load `pem` through a memory file; return False where the system has none."""
    if not hasattr(os, "memfd_create"):
        return False
    try:
        descriptor = os.memfd_create("chain", os.MFD_CLOEXEC)
    except OSError:
        return False
    with open(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        try:
            context.load_cert_chain(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:
            return False
    return True
