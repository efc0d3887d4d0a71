"""`soth-mitm ca`: look at the certificate authority, take it elsewhere, trust it, or make a new one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from soth_mitm.cli import settings
from soth_mitm.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from soth_mitm.config import Config
    from soth_mitm.net.tls.ca import CertificateAuthority


def command(arguments: argparse.Namespace) -> int:
    """Do what the action says; the CA is made where there is none yet."""
    config = settings.of(arguments)
    if arguments.action == "rotate":
        return _rotate(config)
    if arguments.action in ("install", "uninstall"):
        return _trust(config, arguments)
    from soth_mitm.net.tls.ca import CertificateAuthority

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


def _rotate(config: Config) -> int:
    from soth_mitm.cli.environment import running
    from soth_mitm.net.tls.rotation import rotate

    rotated = rotate(config.directory, key_type=config.key_type)
    sys.stdout.write(_description(rotated.ca))
    if rotated.old_certificate is not None or rotated.old_key is not None:
        kept = " and ".join(str(path) for path in (rotated.old_certificate, rotated.old_key) if path)
        sys.stdout.write(f"""
the old CA is kept in {kept}: delete both once no client trusts it any more
clients that trusted it must trust the new one: soth-mitm ca install
stores that hold the old one give it up with: soth-mitm ca uninstall, then install again
""")
    for proxy in running():
        if proxy.confdir == config.directory.absolute():
            sys.stdout.write(f"a running proxy uses the new CA once it is told: kill -USR1 {proxy.pid}\n")
    return 0


def _trust(config: Config, arguments: argparse.Namespace) -> int:
    from soth_mitm.cli.trust import certs, stores
    from soth_mitm.cli.trust.account import carry_out
    from soth_mitm.cli.trust.place import Place
    from soth_mitm.net.tls.ca import CertificateAuthority

    place, which = Place.here(), arguments.store or "all"
    if arguments.action == "install":
        ca = CertificateAuthority.load_or_create(config.directory, key_type=config.key_type)
        plans = stores.install(place, certs.read(ca.certificate_path), which=which)
        sys.stdout.write(f"{ca.subject}\nSHA-256 {ca.fingerprint_sha256}\n")
    else:
        known = certs.known(config.directory)
        if not known:
            raise ConfigError(
                f"there is no CA in {config.directory}, so none can have been installed from it"
            )
        plans = stores.uninstall(place, known, which=which)
    code = carry_out(plans, sys.stdout.write, dry_run=arguments.dry_run)
    if not arguments.dry_run and any(plan.steps for plan in plans):
        sys.stdout.write("programs that run have to be started again to notice\n")
    return code


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
everywhere   soth-mitm ca install (says what it changes; --dry-run changes nothing)
a browser    set its proxy, open http://soth.mitm/, install the certificate for websites
"""
