"""Certificates, requests and revocation lists in files, PEM or DER, as facts. Of keys, only their kind."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.outline import Outline
from soth_mitm.decode.views import NotThis, Whole
from soth_mitm.text import human_size, printable

if TYPE_CHECKING:
    from cryptography import x509

Facts = list[tuple[str, str]]
Reader = Callable[[bytes], Facts]

MOST_BLOCKS: Final = 1000
"""Certificates of one file that are shown."""

NAMES_SHOWN: Final = 50

MOST_OPEN: Final = 100
"""Blocks without an end, after which no more are looked for."""

_BEGIN: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,60})-----")
_CERTIFICATES: Final = (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE")
_REQUESTS: Final = (b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST")


def _blocks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the label and the text of each block of PEM that has an end."""
    at = missed = 0
    while missed < MOST_OPEN and (begin := _BEGIN.search(data, at)) is not None:
        at = begin.end()
        edge = b"-----END " + begin[1] + b"-----"
        end = data.find(edge, at)
        if end < 0:
            missed += 1
            continue
        yield begin[1], data[at:end]
        at = end + len(edge)


class CertificateView(Whole):
    """A `View` of a file of certificates."""

    most = 2 * 1024 * 1024

    def __init__(self) -> None:
        super().__init__()
        self._outline = Outline()
        self.folds = self._outline.folds
        self._count = 0

    def tell(self, data: bytes, *, whole: bool) -> Iterator[str]:
        """See `Whole`."""
        if b"-----BEGIN " in data[: 64 * 1024]:
            for label, text in _blocks(data):
                if self._count >= MOST_BLOCKS:
                    self._outline.say(f"# only the first {MOST_BLOCKS:,} are shown")
                    break
                self._block(label, text)
                yield self._outline.take()
            if not self._count:
                raise NotThis("not PEM: no block has an end")
        else:
            self._der(data)
        if not whole:
            self.error = "only the beginning of the file is there"
        self._outline.finish()
        yield self._outline.take()

    def _block(self, label: bytes, text: bytes) -> None:
        try:
            der = base64.b64decode(re.sub(rb"(?m)^[A-Za-z0-9-]+:.*$|\s", b"", text), validate=True)
        except (binascii.Error, ValueError) as error:
            self._begin(printable(label).lower(), 0)
            self._outline.say(f"# not base64: {error}")
            self._outline.close()
            return
        if label in _CERTIFICATES:
            self._one(der, "certificate", _certificate)
        elif label in _REQUESTS:
            self._one(der, "certificate request", _request)
        elif label == b"X509 CRL":
            self._one(der, "revocation list", _revocations)
        else:
            self._begin(printable(label).lower(), len(der))
            self._outline.close()

    def _der(self, der: bytes) -> None:
        for what, read in _KINDS:
            facts, _ = _tried(read, der)
            if facts:
                self._show(what, der, facts)
                return
        raise NotThis("not a certificate, a request or a revocation list in DER")

    def _one(self, der: bytes, what: str, read: Reader) -> None:
        facts, flaw = _tried(read, der)
        if facts:
            self._show(what, der, facts)
            return
        self._begin(what, len(der))
        self._outline.say(f"# cannot be read: {flaw}")
        self._outline.close()

    def _begin(self, what: str, size: int) -> None:
        self._count += 1
        self._outline.section(f"● {what} {self._count:,} · {human_size(size)} bytes", f"{what} {self._count}")

    def _show(self, what: str, der: bytes, facts: Facts) -> None:
        self._begin(what, len(der))
        for name, value in [*facts, ("SHA-256", hashlib.sha256(der).digest().hex(":"))]:
            self._outline.say(f"{name:<12}  {value}")
        self._outline.close()


def _tried(read: Reader, der: bytes) -> tuple[Facts, str]:
    try:
        return read(der), ""
    except Exception as error:
        # A reader of a third party; whatever it raises concerns these bytes alone.
        return [], printable(str(error).partition("\n")[0], 200) or type(error).__name__


def _certificate(der: bytes) -> Facts:
    from cryptography import x509

    found = x509.load_der_x509_certificate(der)
    own = " (its own)" if found.subject == found.issuer else ""
    return [
        ("subject", _name(found.subject)),
        ("issuer", _name(found.issuer) + own),
        ("serial", f"{found.serial_number:x}"),
        ("not before", _when(found.not_valid_before_utc)),
        ("not after", _when(found.not_valid_after_utc)),
        ("key", _key(found.public_key())),
        ("signature", _signature(found)),
        *_extensions(found.extensions),
    ]


def _request(der: bytes) -> Facts:
    from cryptography import x509

    found = x509.load_der_x509_csr(der)
    return [
        ("subject", _name(found.subject)),
        ("key", _key(found.public_key())),
        ("signature", _signature(found)),
        *_extensions(found.extensions),
    ]


def _revocations(der: bytes) -> Facts:
    from cryptography import x509

    found = x509.load_der_x509_crl(der)
    facts = [("issuer", _name(found.issuer)), ("updated", _when(found.last_update_utc))]
    if found.next_update_utc is not None:
        facts.append(("next", _when(found.next_update_utc)))
    return [*facts, ("signature", _signature(found)), ("revoked", f"{len(found):,} certificates")]


_KINDS: Final[tuple[tuple[str, Reader], ...]] = (
    ("certificate", _certificate),
    ("certificate request", _request),
    ("revocation list", _revocations),
)


def _name(name: x509.Name) -> str:
    return printable(name.rfc4514_string(), 500) or "(empty)"


def _when(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


def _key(key: object) -> str:
    kind = type(key).__name__.removeprefix("_").removesuffix("PublicKey")
    curve = getattr(getattr(key, "curve", None), "name", "")
    size = getattr(key, "key_size", "")
    return " ".join(filter(None, (kind, curve, f"{size} bits" if size else "")))


def _signature(
    found: x509.Certificate | x509.CertificateSigningRequest | x509.CertificateRevocationList,
) -> str:
    return printable(found.signature_algorithm_oid._name, 80)


def _extensions(extensions: x509.Extensions) -> Iterator[tuple[str, str]]:
    from cryptography import x509

    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.SubjectAlternativeName):
            every = list(value)
            names = [printable(str(each.value), 200) for each in every[:NAMES_SHOWN]]
            more = [f"… {len(every) - NAMES_SHOWN:,} more"] if len(every) > NAMES_SHOWN else []
            yield "names", ", ".join(names + more)
        elif isinstance(value, x509.BasicConstraints):
            length = "" if value.path_length is None else f", at most {value.path_length} below it"
            yield "authority", f"yes{length}" if value.ca else "no"
        elif isinstance(value, x509.KeyUsage):
            used = [name.replace("_", " ") for name in _USES if getattr(value, name)]
            yield "usage", ", ".join(used) or "none"
        elif isinstance(value, x509.ExtendedKeyUsage):
            yield "purposes", ", ".join(printable(each._name, 60) for each in value)


_USES: Final = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign",
)  # fmt: skip
