"""A new CA in the place of the old one, which is kept aside."""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from soth_mitm.net.tls import keyfiles
from soth_mitm.net.tls.ca import CERTIFICATE_NAME, KEY_NAME, LOCK_NAME, CaError, CertificateAuthority

OLD_CERTIFICATES = "ca-old-*.pem"
OLD_KEYS = "ca-key-old-*.pem"


class Rotated(NamedTuple):
    """What a rotation has done."""

    ca: CertificateAuthority
    old_certificate: Path | None
    """Where the old one is kept; None where there was none."""
    old_key: Path | None


def rotate(confdir: Path, *, key_type: Literal["ec", "rsa"] = "ec", now: datetime | None = None) -> Rotated:
    """Make a new key and certificate in `confdir`, and keep what was there under other names.

    Nothing of the old pair is read but its name, so this is also the way out of a damaged one. The
    mode of the old key is tightened to 0600, whatever it was. A proxy that runs goes on with the old
    pair until it reads its settings again. Raises `CaError`.
    """
    now = now or datetime.now(UTC)
    try:
        keyfiles.make_private_dir(confdir)
        with keyfiles.locked(confdir / LOCK_NAME):
            mark = _mark(confdir / CERTIFICATE_NAME, now)
            # The certificate goes first and comes last: where it is, the key is too.
            certificate = _aside(confdir / CERTIFICATE_NAME, confdir / f"ca-old-{mark}.pem")
            key = _aside(confdir / KEY_NAME, confdir / f"ca-key-old-{mark}.pem")
            if key is not None and keyfiles.POSIX and not key.is_symlink():
                os.chmod(key, 0o600)
            ca = CertificateAuthority.create(confdir, key_type=key_type, now=now)
    except keyfiles.KeyFileError as error:
        raise CaError(f"CA: {error}") from error
    except OSError as error:
        where = error.filename or confdir
        raise CaError(
            f"CA: {where}: {error.strerror or error}; the old files are in {confdir}, as ca*-old-*.pem where "
            f"they have been moved"
        ) from error
    return Rotated(ca, certificate, key)


def _mark(certificate: Path, now: datetime) -> str:
    """Return what tells the old pair from others: its fingerprint's beginning, or the time."""
    with contextlib.suppress(OSError, ValueError, keyfiles.KeyFileError):
        old = x509.load_pem_x509_certificate(keyfiles.read_file(certificate, private=False))
        return old.fingerprint(hashes.SHA256()).hex()[:8]
    return f"{now:%Y%m%d-%H%M%S}"


def _aside(path: Path, to: Path) -> Path | None:
    """Move a file or link; return where to, None where there is none. Never replaces anything."""
    if not (path.is_symlink() or path.exists()):
        return None
    number = 1
    target = to
    while target.is_symlink() or target.exists():
        number += 1
        target = to.with_name(f"{to.stem}-{number}{to.suffix}")
    path.rename(target)
    return target
