"""The interception CA: made on first use, private to its owner, checked each time it is loaded."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from soth_mitm.errors import StartError
from soth_mitm.net.tls import keyfiles, mint

CERTIFICATE_NAME = "ca.pem"
KEY_NAME = "ca-key.pem"
LOCK_NAME = "ca.lock"
RSA_BITS = 2048


class CaError(StartError):
    """The CA cannot be made, loaded or exported; the text names the file and the way out."""


class CertificateAuthority:
    """Hold the CA's certificate and key, and sign leaves with them.

    Make one with `load_or_create`. Signing takes about 0.1 ms with an EC key, 1 ms with RSA.
    """

    def __init__(
        self, certificate: x509.Certificate, key: mint.CaKey, *, confdir: Path, created: bool
    ) -> None:
        self._certificate = certificate
        self._key = key
        self.created = created
        """Whether it was made just now, so nothing can trust it yet."""
        self.certificate_path = confdir / CERTIFICATE_NAME
        self.key_path = confdir / KEY_NAME
        self.certificate_der = certificate.public_bytes(serialization.Encoding.DER)
        self.certificate_pem = certificate.public_bytes(serialization.Encoding.PEM)
        self.fingerprint_sha256 = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
        """SHA-256 of the DER form, as `9F:3C:...`: what `openssl x509 -fingerprint -sha256` prints."""
        self.key_description = _describe(key)
        self.not_before = certificate.not_valid_before_utc
        self.not_after = certificate.not_valid_after_utc
        self.subject = certificate.subject.rfc4514_string()

    @property
    def private(self) -> bool | None:
        """Whether nobody but the owner can read the key's file; None where modes do not say."""
        return self.key_path.stat().st_mode & 0o077 == 0 if os.name == "posix" else None

    @property
    def replaced(self) -> bool:
        """Whether the directory holds another certificate by now."""
        try:
            data = keyfiles.read_file(self.certificate_path, private=False)
            return _parse_certificate(data, self.certificate_path) != self._certificate
        except (keyfiles.KeyFileError, CaError):
            return False

    @classmethod
    def load_or_create(
        cls, confdir: Path, *, key_type: Literal["ec", "rsa"] = "ec", now: datetime | None = None
    ) -> CertificateAuthority:
        """Load the CA from `confdir`, or make it there when neither of its two files exists.

        Several processes may start at once: one makes the pair, the others load it. An existing CA
        is used whatever its key type. Raises `CaError`.
        """
        now = now or datetime.now(UTC)
        certificate_path, key_path = confdir / CERTIFICATE_NAME, confdir / KEY_NAME
        try:
            # Files appear key first, so a certificate means that both are there: no lock to load
            # them, and a read-only directory will do.
            if not (_present(certificate_path) and _present(key_path)):
                keyfiles.make_private_dir(confdir)
                with keyfiles.locked(confdir / LOCK_NAME):
                    if not (_present(certificate_path) or _present(key_path)):
                        return cls.create(confdir, key_type=key_type, now=now)
            _require_both(certificate_path, key_path)
            return cls._load(confdir, now)
        except keyfiles.KeyFileError as error:
            raise CaError(f"CA: {error}") from error
        except OSError as error:
            where = error.filename or confdir
            raise CaError(
                f"CA: {where}: {error.strerror or error}; choose a directory that you can write to "
                f"with --confdir"
            ) from error

    @classmethod
    def create(cls, confdir: Path, *, key_type: Literal["ec", "rsa"], now: datetime) -> CertificateAuthority:
        """Make the pair where there is none; for whoever holds the lock. Raises `FileExistsError`."""
        key: mint.CaKey
        if key_type == "ec":
            key = ec.generate_private_key(ec.SECP256R1())
        else:
            key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        ca = cls(mint.ca_certificate(key, now=now), key, confdir=confdir, created=True)
        keyfiles.write_new(ca.key_path, _key_pem(key), mode=0o600)
        keyfiles.write_new(ca.certificate_path, ca.certificate_pem, mode=0o644)
        return ca

    @classmethod
    def _load(cls, confdir: Path, now: datetime) -> CertificateAuthority:
        key_path, certificate_path = confdir / KEY_NAME, confdir / CERTIFICATE_NAME
        key = _parse_key(keyfiles.read_file(key_path, private=True), key_path)
        certificate = _parse_certificate(
            keyfiles.read_file(certificate_path, private=False), certificate_path
        )
        if certificate.public_key() != key.public_key():
            raise CaError(
                f"CA: {certificate_path} and {key_path} do not belong together; restore the right "
                f"pair, or make a new one with: soth-mitm ca rotate (clients must then trust it)"
            )
        _require_usable(certificate, certificate_path, now)
        return cls(certificate, key, confdir=confdir, created=False)

    def export(
        self,
        kind: Literal["pem", "der", "p12"],
        *,
        include_key: bool = False,
        password: bytes | None = None,
    ) -> bytes:
        """Return the certificate for a trust store, in the format that it wants.

        With `include_key` the private key goes along (`pem` and `p12` only), encrypted with
        `password` if one is given. Raises `CaError` where the format has no room for a key.
        """
        protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            protection = serialization.BestAvailableEncryption(password)
        if kind == "p12":
            name = b"soth-mitm CA"
            key = self._key if include_key else None
            own = self._certificate if include_key else None
            others = None if include_key else [self._certificate]
            return pkcs12.serialize_key_and_certificates(name, key, own, others, protection)
        if kind == "der":
            if include_key:
                raise CaError("CA: a DER file holds one certificate and no key; export pem or p12")
            return self.certificate_der
        return self.certificate_pem + (_key_pem(self._key, protection) if include_key else b"")

    def sign_leaf(
        self,
        host: str,
        public_key: mint.LeafKey,
        *,
        also: tuple[str, ...] = (),
        common_name: str = "",
        now: datetime | None = None,
    ) -> bytes:
        """Return a server certificate in PEM for `host` and the names in `also`.

        All names must be as `names.normalise` returns them, but that one in `also` may be a
        wildcard. The common name is `host` unless another is given.
        """
        leaf = mint.leaf_certificate(
            (host, *also),
            public_key,
            common_name=common_name,
            ca=self._certificate,
            ca_key=self._key,
            now=now or datetime.now(UTC),
        )
        return leaf.public_bytes(serialization.Encoding.PEM)


def _describe(key: mint.CaKey) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return f"RSA {key.key_size}"
    return f"EC P-{key.curve.key_size}"


def _present(path: Path) -> bool:
    """Return whether something has this name, a dangling link included."""
    return path.is_symlink() or path.exists()


def _require_both(certificate_path: Path, key_path: Path) -> None:
    for missing, other in ((certificate_path, key_path), (key_path, certificate_path)):
        if not _present(missing):
            raise CaError(
                f"CA: {missing} is missing while {other} is there; restore it, or make a new "
                f"pair with: soth-mitm ca rotate (clients must then trust it)"
            )


def _key_pem(key: mint.CaKey, protection: serialization.KeySerializationEncryption | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        protection or serialization.NoEncryption(),
    )


def _parse_key(data: bytes, path: Path) -> mint.CaKey:
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except TypeError as error:
        raise CaError(f"CA: {path} is encrypted; store the key without a password (mode 0600)") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CaError(f"CA: {path} holds no private key in PEM form; restore it from a backup") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise CaError(f"CA: {path} holds a key that is neither EC nor RSA; TLS clients would refuse it")
    return key


def _parse_certificate(data: bytes, path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(data)
    except ValueError as error:
        raise CaError(f"CA: {path} holds no certificate in PEM form; restore it from a backup") from error


def _require_usable(certificate: x509.Certificate, path: Path, now: datetime) -> None:
    """Raise where no client would accept a leaf that this certificate has signed."""
    way_out = "make a new one with: soth-mitm ca rotate (clients must then trust it)"
    if certificate.not_valid_after_utc <= now:
        raise CaError(f"CA: {path} expired on {certificate.not_valid_after_utc:%Y-%m-%d}; {way_out}")
    if certificate.not_valid_before_utc > now:
        raise CaError(
            f"CA: {path} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}; set this "
            f"machine's clock, or {way_out}"
        )
    try:
        is_ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        is_ca = False
    if not is_ca:
        raise CaError(f"CA: {path} is no CA certificate (no CA:TRUE or no key identifier); {way_out}")
