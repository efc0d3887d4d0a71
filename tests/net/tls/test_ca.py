"""The interception CA: made once, kept private, refused when it is not."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from soth_mitm.errors import SothError
from soth_mitm.net.tls import keyfiles
from soth_mitm.net.tls.ca import CaError, CertificateAuthority

posix_only = pytest.mark.skipif(os.name != "posix", reason="mode bits and owners are POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def confdir(tmp_path: Path) -> Path:
    return tmp_path / "conf"


def test_a_ca_is_made_on_first_use_and_loaded_afterwards(confdir: Path) -> None:
    made = CertificateAuthority.load_or_create(confdir)
    loaded = CertificateAuthority.load_or_create(confdir)
    assert (made.created, loaded.created) == (True, False)
    assert made.certificate_der == loaded.certificate_der
    assert made.certificate_path == confdir / "ca.pem"
    assert made.key_path == confdir / "ca-key.pem"
    assert made.certificate_path.read_bytes() == made.certificate_pem
    assert b"PRIVATE" not in made.certificate_pem


def test_the_fingerprint_is_the_sha256_of_the_der_form(confdir: Path) -> None:
    ca = CertificateAuthority.load_or_create(confdir)
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(ca.certificate_path.read_text())).hexdigest().upper()
    assert ca.fingerprint_sha256 == ":".join(digest[i : i + 2] for i in range(0, 64, 2))


def test_the_certificate_says_what_a_ca_must_say(confdir: Path) -> None:
    now = datetime.now(UTC)
    ca = CertificateAuthority.load_or_create(confdir, now=now)
    certificate = x509.load_der_x509_certificate(ca.certificate_der)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert usage.value.digital_signature
    assert not usage.value.key_encipherment
    certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    assert certificate.not_valid_before_utc == (now - timedelta(days=2)).replace(microsecond=0)
    assert ca.not_after.year - now.year == 10
    assert re.fullmatch(r"O=soth-mitm,CN=soth-mitm CA \([0-9a-f]{4}\)", ca.subject)
    certificate.verify_directly_issued_by(certificate)


@pytest.mark.parametrize(("key_type", "description"), [("ec", "EC P-256"), ("rsa", "RSA 2048")])
def test_the_key_type_is_a_choice(confdir: Path, key_type: Literal["ec", "rsa"], description: str) -> None:
    assert CertificateAuthority.load_or_create(confdir, key_type=key_type).key_description == description
    assert CertificateAuthority.load_or_create(confdir).key_description == description


def test_two_installs_differ_in_name_and_key(tmp_path: Path) -> None:
    first = CertificateAuthority.load_or_create(tmp_path / "a")
    second = CertificateAuthority.load_or_create(tmp_path / "b")
    assert first.fingerprint_sha256 != second.fingerprint_sha256


@posix_only
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_are_tight_whatever_the_umask_and_stay_so_when_made_again(
    confdir: Path, umask: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    for _ in range(2):
        previous = os.umask(umask)
        try:
            ca = CertificateAuthority.load_or_create(confdir)
        finally:
            os.umask(previous)
        assert ca.created
        assert (mode(confdir), mode(ca.key_path), mode(ca.certificate_path)) == (0o700, 0o600, 0o644)
        ca.key_path.unlink()
        ca.certificate_path.unlink()
    assert seen == [0o600, 0o644] * 2


@posix_only
def test_the_key_file_is_opened_private_and_exclusive(confdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, int, int]] = []
    real_open = os.open

    def spy(path: str | Path, flags: int, mode: int = 0o777) -> int:
        opened.append((str(path), flags, mode))
        return real_open(path, flags, mode)

    monkeypatch.setattr(os, "open", spy)
    CertificateAuthority.load_or_create(confdir)
    keys = [(flags, mode) for path, flags, mode in opened if "ca-key" in path]
    assert keys
    assert all(flags & os.O_EXCL and mode == 0o600 for flags, mode in keys)


def test_no_draft_is_left_behind(confdir: Path) -> None:
    CertificateAuthority.load_or_create(confdir)
    assert sorted(path.name for path in confdir.iterdir()) == ["ca-key.pem", "ca.lock", "ca.pem"]


@posix_only
@pytest.mark.parametrize("loose", [0o640, 0o604, 0o620, 0o644])
def test_a_key_that_others_can_read_is_refused_with_the_command_to_mend_it(confdir: Path, loose: int) -> None:
    ca = CertificateAuthority.load_or_create(confdir)
    ca.key_path.chmod(loose)
    with pytest.raises(CaError, match=rf"chmod 600 .*{ca.key_path.name}") as caught:
        CertificateAuthority.load_or_create(confdir)
    assert str(ca.key_path) in str(caught.value)
    assert mode(ca.key_path) == loose


def test_a_pair_that_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    first = CertificateAuthority.load_or_create(tmp_path / "a")
    second = CertificateAuthority.load_or_create(tmp_path / "b")
    first.certificate_path.write_bytes(second.certificate_pem)
    with pytest.raises(CaError, match="do not belong together"):
        CertificateAuthority.load_or_create(tmp_path / "a")


@pytest.mark.parametrize("missing", ["ca.pem", "ca-key.pem"])
def test_one_file_without_the_other_is_refused_and_nothing_is_made(confdir: Path, missing: str) -> None:
    CertificateAuthority.load_or_create(confdir)
    (confdir / missing).unlink()
    with pytest.raises(CaError, match=rf"{missing} is missing"):
        CertificateAuthority.load_or_create(confdir)
    assert not (confdir / missing).exists()


def test_an_expired_ca_is_refused(confdir: Path) -> None:
    ca = CertificateAuthority.load_or_create(confdir)
    with pytest.raises(CaError, match="expired on"):
        CertificateAuthority.load_or_create(confdir, now=ca.not_after)


def test_a_ca_of_the_future_is_refused(confdir: Path) -> None:
    ca = CertificateAuthority.load_or_create(confdir)
    with pytest.raises(CaError, match="not valid before"):
        CertificateAuthority.load_or_create(confdir, now=ca.not_before - timedelta(days=1))


@pytest.mark.parametrize("name", ["ca.pem", "ca-key.pem"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 40, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END"])
def test_a_file_that_is_not_pem_is_refused_by_name(confdir: Path, name: str, content: bytes) -> None:
    CertificateAuthority.load_or_create(confdir)
    (confdir / name).write_bytes(content)
    with pytest.raises(CaError, match=rf"{name} holds no"):
        CertificateAuthority.load_or_create(confdir)


def test_a_huge_file_is_not_read(confdir: Path) -> None:
    CertificateAuthority.load_or_create(confdir)
    (confdir / "ca.pem").write_bytes(b"x" * (keyfiles.MAX_PEM + 1))
    with pytest.raises(CaError, match="larger than"):
        CertificateAuthority.load_or_create(confdir)


def test_a_directory_in_place_of_a_file_is_refused(confdir: Path) -> None:
    ca = CertificateAuthority.load_or_create(confdir)
    ca.certificate_path.unlink()
    ca.certificate_path.mkdir()
    with pytest.raises(CaError, match=r"ca\.pem"):
        CertificateAuthority.load_or_create(confdir)


def test_an_encrypted_key_is_refused(confdir: Path) -> None:
    ca = CertificateAuthority.load_or_create(confdir)
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    ca.key_path.write_bytes(locked)
    with pytest.raises(CaError, match="is encrypted"):
        CertificateAuthority.load_or_create(confdir)


def test_a_certificate_that_is_no_ca_is_refused(confdir: Path) -> None:
    ca = CertificateAuthority.load_or_create(confdir)
    key = ec.generate_private_key(ec.SECP256R1())
    ca.certificate_path.write_bytes(ca.sign_leaf("example.com", key.public_key()))
    ca.key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(CaError, match="no CA certificate"):
        CertificateAuthority.load_or_create(confdir)


@posix_only
def test_a_symbolic_link_of_ones_own_is_followed(tmp_path: Path) -> None:
    real = CertificateAuthority.load_or_create(tmp_path / "real")
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "ca.pem").symlink_to(real.certificate_path)
    (linked / "ca-key.pem").symlink_to(real.key_path)
    assert CertificateAuthority.load_or_create(linked).fingerprint_sha256 == real.fingerprint_sha256


@posix_only
def test_a_symbolic_link_of_another_user_is_refused(confdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = CertificateAuthority.load_or_create(confdir.with_name("real"))
    confdir.mkdir()
    (confdir / "ca.pem").symlink_to(real.certificate_path)
    (confdir / "ca-key.pem").symlink_to(real.key_path)
    real_lstat = Path.lstat

    def foreign(path: Path) -> os.stat_result:
        status = list(real_lstat(path))
        status[4] = 4711
        return os.stat_result(status)

    monkeypatch.setattr(Path, "lstat", foreign)
    with pytest.raises(CaError, match=r"symbolic link made by another user \(uid 4711\)"):
        CertificateAuthority.load_or_create(confdir)


@posix_only
def test_a_dangling_link_counts_as_a_file_and_is_not_written_through(confdir: Path, tmp_path: Path) -> None:
    confdir.mkdir()
    target = tmp_path / "elsewhere"
    (confdir / "ca-key.pem").symlink_to(target)
    with pytest.raises(CaError, match=r"ca\.pem is missing"):
        CertificateAuthority.load_or_create(confdir)
    assert not target.exists()


def test_a_directory_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CaError, match="--confdir"):
        CertificateAuthority.load_or_create(tmp_path / "file" / "conf")


def test_ca_errors_are_errors_for_people() -> None:
    assert issubclass(CaError, SothError)


def test_without_hard_links_the_pair_is_made_all_the_same(
    confdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_args: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    made = CertificateAuthority.load_or_create(confdir)
    assert CertificateAuthority.load_or_create(confdir).certificate_der == made.certificate_der
    assert sorted(path.name for path in confdir.iterdir()) == ["ca-key.pem", "ca.lock", "ca.pem"]


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_file_that_appeared_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    if not hard_links:

        def no_links(*_args: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "ca.pem"
    path.write_bytes(b"first")
    with pytest.raises(FileExistsError):
        keyfiles.write_new(path, b"second", mode=0o600)
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


START = """
import sys
from pathlib import Path
from soth_mitm.net.tls.ca import CertificateAuthority
sys.stdin.readline()
ca = CertificateAuthority.load_or_create(Path(sys.argv[1]))
print(ca.created, ca.fingerprint_sha256)
"""


@pytest.mark.slow
def test_processes_that_start_together_end_with_one_valid_pair(confdir: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", START, str(confdir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=30)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * 6
    assert sorted(created for created, _ in outputs) == ["False"] * 5 + ["True"]
    assert len({fingerprint for _, fingerprint in outputs}) == 1
    assert CertificateAuthority.load_or_create(confdir).fingerprint_sha256 == outputs[0][1]


def test_a_directory_that_cannot_be_written_to_will_do_for_loading(
    confdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = CertificateAuthority.load_or_create(confdir)

    def no_lock(*_args: object) -> None:
        raise AssertionError("loading takes no lock")

    monkeypatch.setattr(keyfiles, "locked", no_lock)
    assert CertificateAuthority.load_or_create(confdir).certificate_der == made.certificate_der


class TestExport:
    def test_pem_and_der_hold_the_certificate_alone(self, confdir: Path) -> None:
        ca = CertificateAuthority.load_or_create(confdir)
        assert ca.export("pem") == ca.certificate_pem
        assert ca.export("der") == ca.certificate_der

    def test_p12_holds_the_certificate_without_a_key(self, confdir: Path) -> None:
        ca = CertificateAuthority.load_or_create(confdir)
        bundle = pkcs12.load_pkcs12(ca.export("p12"), None)
        assert bundle.key is None
        assert [
            entry.certificate.public_bytes(serialization.Encoding.DER) for entry in bundle.additional_certs
        ] == [ca.certificate_der]

    def test_p12_holds_key_and_certificate_under_a_password(self, confdir: Path) -> None:
        ca = CertificateAuthority.load_or_create(confdir)
        data = ca.export("p12", include_key=True, password=b"secret")
        bundle = pkcs12.load_pkcs12(data, b"secret")
        assert isinstance(bundle.key, ec.EllipticCurvePrivateKey)
        assert bundle.cert is not None
        with pytest.raises(ValueError, match="password"):
            pkcs12.load_pkcs12(data, b"wrong")

    def test_pem_takes_the_key_along_only_when_asked(self, confdir: Path) -> None:
        ca = CertificateAuthority.load_or_create(confdir)
        assert b"BEGIN PRIVATE KEY" in ca.export("pem", include_key=True)
        assert b"BEGIN ENCRYPTED PRIVATE KEY" in ca.export("pem", include_key=True, password=b"secret")

    def test_der_has_no_room_for_a_key(self, confdir: Path) -> None:
        with pytest.raises(CaError, match="pem or p12"):
            CertificateAuthority.load_or_create(confdir).export("der", include_key=True)


def test_an_rsa_ca_signs_leaves_too(confdir: Path) -> None:
    ca = CertificateAuthority.load_or_create(confdir, key_type="rsa")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    leaf = x509.load_pem_x509_certificate(ca.sign_leaf("example.com", key.public_key()))
    leaf.verify_directly_issued_by(x509.load_der_x509_certificate(ca.certificate_der))
