"""Where trust in upstream certificates comes from, behind one function per question.

Linux and the BSDs: the OS bundle is loaded into an ordinary context, once. `truststore` would load
it again for every connection there (20 ms each). macOS and Windows: `truststore` asks the system's
own verifier after each handshake. It needs the peer's chain for that, which a resumed handshake
does not bring, so verified connections do a full handshake each time on those systems.
"""

from __future__ import annotations

import os
import re
import ssl
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from soth_mitm.errors import StartError

RootsChoice = Literal["os", "certifi"] | Path

SYSTEM_VERIFIER = sys.platform in {"darwin", "win32"}
"""Whether the system has a verifier of its own, which knows more than a file of roots does."""

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
)
"""Where systems keep their roots, for a Python whose OpenSSL was built to look elsewhere."""

_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+")


class RootsError(StartError):
    """A trust store that was asked for cannot be used; the text names it and says why."""

    tls_reason = "roots_unusable"


class RootsReport(NamedTuple):
    """Say which roots are in use, and why not the first choice."""

    origin: Literal["os", "certifi"]
    location: str
    """File or directory, or `system verifier`; an extra file is named after a plus sign."""
    reason: str = ""
    """Why a fallback was taken; empty where the first choice worked."""


def system_trusts(certificate: str) -> bool | None:
    """Return whether the system's own trust store has a certificate (PEM); None where that is not seen.

    The bundles are read, because a context does not list what a directory of hashed names holds. The
    keychain of macOS is not looked into.
    """
    if sys.platform == "win32":
        wanted = ssl.PEM_cert_to_DER_cert(certificate)
        return any(each == wanted for each, _, _ in ssl.enum_certificates("ROOT"))
    if sys.platform == "darwin":
        return None
    body = "".join(certificate.split("-----")[2].split())
    named = ssl.get_default_verify_paths().cafile
    known = None
    for bundle in dict.fromkeys((*BUNDLES, *((named,) if named else ()))):
        try:
            text = Path(bundle).read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        known = False
        if body in "".join(text.split()):
            return True
    return known


def choice_of(named: str) -> RootsChoice:
    """Return the choice that a setting names: `os`, `certifi`, a file or a directory."""
    if named == "certifi":
        return "certifi"
    return "os" if named == "os" else Path(named).expanduser()


def load_roots(context: ssl.SSLContext, choice: RootsChoice) -> RootsReport:
    """Make `context` trust what `choice` says; a path adds its certificates to the OS's.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the OS's locations, as OpenSSL has it. Raises
    `RootsError` when a path cannot be used. Never leaves a context without roots: certifi steps in,
    and the report says why.
    """
    if choice == "certifi":
        return RootsReport("certifi", _load_certifi(context))
    report = _load_os(context)
    if isinstance(choice, Path):
        _load_extra(context, choice)
        report = report._replace(location=f"{report.location} + {choice}")
    return report


def _load_os(context: ssl.SSLContext) -> RootsReport:
    if SYSTEM_VERIFIER:
        return RootsReport("os", "system verifier")
    wrong = _wrong_environment()
    paths = ssl.get_default_verify_paths()
    if paths.cafile or _hashed_directory(os.environ.get(paths.openssl_capath_env) or paths.capath):
        context.set_default_verify_paths()
        return RootsReport("os", paths.cafile or paths.capath or "SSL_CERT_DIR", wrong)
    for bundle in BUNDLES:
        if Path(bundle).is_file():
            context.load_verify_locations(cafile=bundle)
            return RootsReport("os", bundle, wrong)
    reason = wrong or "this system has no certificate bundle where one is usually kept"
    return RootsReport("certifi", _load_certifi(context), reason)


def _wrong_environment() -> str:
    """Return what is wrong with the variables that name other roots, or nothing."""
    for variable, is_right in (("SSL_CERT_FILE", os.path.isfile), ("SSL_CERT_DIR", _any_directory)):
        value = os.environ.get(variable)
        if value and not is_right(value):
            return f"{variable} names {value}, which does not exist"
    return ""


def _any_directory(value: str) -> bool:
    return any(os.path.isdir(part) for part in value.split(os.pathsep))


def _hashed_directory(value: str | None) -> bool:
    """Return whether one of the directories in `value` holds certificates as OpenSSL looks them up."""
    for part in (value or "").split(os.pathsep):
        if os.path.isdir(part) and any(_HASHED_NAME.fullmatch(name) for name in os.listdir(part)):
            return True
    return False


def _load_certifi(context: ssl.SSLContext) -> str:
    import certifi

    location = certifi.where()
    context.load_verify_locations(cafile=location)
    return location


def _load_extra(context: ssl.SSLContext, path: Path) -> None:
    try:
        if path.is_dir():
            if not _hashed_directory(str(path)):
                raise RootsError(
                    f"trusted CA directory {path} holds no hashed certificates; run: openssl rehash {path}"
                )
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise RootsError(
            f"trusted CA file {path} holds no certificate in PEM form; convert a DER file with: "
            f"openssl x509 -inform der -in {path} -out ca.pem"
        ) from error
    except OSError as error:
        raise RootsError(f"trusted CA file {path}: {error.strerror or error}") from error
