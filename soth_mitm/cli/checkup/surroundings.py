"""What a proxy needs of this machine: files, limits, certificates, variables."""

from __future__ import annotations

import os
import shutil
import ssl
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from soth_mitm.errors import SothError
from soth_mitm.model.checks import Check, Health
from soth_mitm.text import human_size, printable

if TYPE_CHECKING:
    from soth_mitm.config import Config
    from soth_mitm.net.tls.ca import CertificateAuthority

FILES: Final = 4096
"""Open files that a busy proxy should be allowed."""
FREE: Final = 1024 * 1024 * 1024
"""Bytes of free disk below which recording soon ends."""
SOON: Final = timedelta(days=30)
_DISTURBING: Final = {
    "SSLKEYLOGFILE": "TLS secrets of every program that reads it are written to {value}",
    "SSL_CERT_FILE": "upstream certificates are verified with {value} instead of the system's",
    "SSL_CERT_DIR": "upstream certificates are verified with {value} instead of the system's",
}


def surroundings(config: Config, ca: CertificateAuthority | None) -> Iterator[Check]:
    """Yield what is checked without a connection; `ca` is None where it could not be loaded."""
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("runtime", _runtime),
        ("open files", _files),
        ("recording", _spill),
        ("upstream roots", lambda: _roots(config)),
        ("environment", _environment),
    ]
    if ca is not None:
        checks[0:0] = [("CA", lambda: _authority(ca)), ("trust", lambda: _trusted(ca))]
    for name, check in checks:
        yield guarded(name, check)


def guarded(name: str, check: Callable[[], Check]) -> Check:
    """Return what a check found, or how it went wrong."""
    try:
        return check()
    except (OSError, SothError, ValueError) as error:
        return Check(name, Health.FAILED, printable(f"could not be checked: {error}", 400))


def _runtime() -> Check:
    from soth_mitm.net.loops import loop_factory

    loop = loop_factory()[0]
    version = ".".join(str(part) for part in sys.version_info[:3])
    text = f"Python {version} on {sys.platform}, event loop {loop}"
    if loop == "asyncio":
        return Check("runtime", Health.WARNING, text, "install uvloop (winloop on Windows) for more speed")
    return Check("runtime", Health.OK, text)


def _files() -> Check:
    from soth_mitm.net.sockets import raise_descriptor_limit

    soft, hard = raise_descriptor_limit()
    if 0 < soft < FILES:
        return Check(
            "open files",
            Health.WARNING,
            f"only {soft:,} files may be open; a tunnel takes six",
            f"ulimit -n {FILES}" if hard >= FILES else "raise the hard limit of open files (nofile)",
        )
    return Check("open files", Health.OK, f"{soft:,} may be open" if soft > 0 else "no limit is known")


def _spill() -> Check:
    from soth_mitm.record.spill import spill_root

    root = spill_root()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=root) as file:
        file.write(b"x")
    free = shutil.disk_usage(root).free
    place = printable(str(root))
    if free < FREE:
        return Check(
            "recording",
            Health.WARNING,
            f"{human_size(free)} bytes are free in {place}; at most a tenth is used",
            "free some space, or set spill_bytes in config.toml",
        )
    return Check("recording", Health.OK, f"goes to {place}, {human_size(free)} bytes free")


def _roots(config: Config) -> Check:
    from soth_mitm.net.tls.roots import load_roots

    if config.insecure:
        return Check(
            "upstream roots",
            Health.WARNING,
            "upstream certificates are not verified",
            "leave out -k, or insecure in config.toml; [[rules]] can do it for one host",
        )
    named = config.upstream_roots
    choice = named if named in ("os", "certifi") else Path(named)
    report = load_roots(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), choice)  # type: ignore[arg-type]
    text = f"{report.origin}: {printable(report.location)}"
    if report.reason:
        return Check("upstream roots", Health.WARNING, f"{text}; {printable(report.reason)}")
    return Check("upstream roots", Health.OK, text)


def _environment() -> Check:
    for name, text in _DISTURBING.items():
        value = os.environ.get(name)
        if value:
            found = text.format(value=printable(value, 200))
            return Check("environment", Health.WARNING, f"{name} is set: {found}", f"unset {name}")
    names = [
        name for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy") if os.environ.get(name)
    ]
    if names:
        value = printable(os.environ[names[0]], 200)
        return Check("environment", Health.OK, f"{names[0]} is {value}; the proxy itself connects without it")
    return Check("environment", Health.OK, "no variable changes what the proxy does")


def _authority(ca: CertificateAuthority) -> Check:
    mode = stat.S_IMODE(ca.key_path.stat().st_mode)
    if ca.private is False:
        return Check(
            "CA",
            Health.FAILED,
            f"{printable(str(ca.key_path))} can be read by others (mode {mode:o})",
            f"chmod 600 {printable(str(ca.key_path))}, and make a new CA if others were logged in",
        )
    left = ca.not_after - datetime.now(UTC)
    until = f"{ca.not_after:%Y-%m-%d}"
    text = f"{ca.key_description}, valid until {until}, SHA-256 {ca.fingerprint_sha256[:23]}…"
    if left < SOON:
        return Check(
            "CA", Health.WARNING, text, f"it expires on {until}; soth-mitm ca rotate makes a new one"
        )
    made = "made just now; " if ca.created else ""
    return Check("CA", Health.OK, f"{made}{text}")


def _trusted(ca: CertificateAuthority) -> Check:
    from soth_mitm.net.tls.roots import system_trusts

    trusted = system_trusts(ca.certificate_pem.decode("ascii"))
    if trusted:
        return Check("trust", Health.OK, "the system's own trust store has the CA")
    return Check(
        "trust",
        Health.OK,
        "the system's trust store cannot be looked into from here"
        if trusted is None
        else "the CA is not in the system's trust store, as after every installation",
        "use it for one program: soth-mitm run -- PROGRAM; or open http://soth.mitm/ through the proxy",
    )
