"""`soth-mitm ca show|export`: look at the certificate authority, or take it elsewhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from soth_mitm.cli import settings
from soth_mitm.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from soth_mitm.net.tls.ca import CertificateAuthority


def command(arguments: argparse.Namespace) -> int:
    """Show or export the CA; it is made where there is none yet."""
    from soth_mitm.net.tls.ca import CertificateAuthority

    config = settings.of(arguments)
    ca = CertificateAuthority.load_or_create(config.directory, key_type=config.key_type)
    if arguments.action == "show":
        sys.stdout.write(_description(ca))
        return 0
    data = ca.export(arguments.format)
    if arguments.out == "-":
        if arguments.format != "pem" and sys.stdout.isatty():
            raise ConfigError(f"{arguments.format} is binary; give --out FILE")
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return 0
    _write(Path(arguments.out), data)
    return 0


def _write(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with open(descriptor, "wb") as file:
            file.write(data)
    except FileExistsError:
        raise ConfigError(f"{path} exists already; give another name with --out") from None
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or error}") from error


def _description(ca: CertificateAuthority) -> str:
    made = "made just now" if ca.created else "made before"
    return f"""\
certificate  {ca.certificate_path} ({made})
private key  {ca.key_path} (readable by you only; whoever has it can read your traffic)
subject      {ca.subject}
key          {ca.key_description}
valid        {ca.not_before:%Y-%m-%d} to {ca.not_after:%Y-%m-%d}
SHA-256      {ca.fingerprint_sha256}

one command  curl -x http://127.0.0.1:8080 --cacert {ca.certificate_path} https://example.com/
one program  soth-mitm run -- PROGRAM
a browser    set its proxy, open http://soth.mitm/, install the certificate for websites
"""
