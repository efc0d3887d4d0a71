"""A new CA in the place of the old one."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from soth_mitm.model.events import CaLoaded, CertificateIssued
from soth_mitm.net.tls.ca import CERTIFICATE_NAME, KEY_NAME, CaError, CertificateAuthority
from soth_mitm.net.tls.leaf import LeafCache
from soth_mitm.net.tls.mint import BACKDATED, CA_YEARS
from soth_mitm.net.tls.rotation import rotate
from tests.helpers.net import Lab, World

posix = pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def confdir(tmp_path: Path) -> Path:
    return tmp_path / "conf"


def test_there_is_a_new_key_and_certificate_and_the_old_pair_is_kept(confdir: Path) -> None:
    old = CertificateAuthority.load_or_create(confdir)
    certificate, key = old.certificate_path.read_bytes(), old.key_path.read_bytes()
    rotated = rotate(confdir)
    assert rotated.ca.fingerprint_sha256 != old.fingerprint_sha256
    assert rotated.ca.subject != old.subject
    assert rotated.old_certificate is not None
    assert rotated.old_key is not None
    assert rotated.old_certificate.read_bytes() == certificate
    assert rotated.old_key.read_bytes() == key
    mark = old.fingerprint_sha256.replace(":", "")[:8].lower()
    assert rotated.old_certificate.name == f"ca-old-{mark}.pem"
    loaded = CertificateAuthority.load_or_create(confdir)
    assert loaded.fingerprint_sha256 == rotated.ca.fingerprint_sha256
    assert not loaded.created


@posix
def test_the_keys_are_private_whatever_the_umask_and_however_open_the_old_one_was(confdir: Path) -> None:
    CertificateAuthority.load_or_create(confdir)
    (confdir / KEY_NAME).chmod(0o644)
    before = os.umask(0)
    try:
        rotated = rotate(confdir)
    finally:
        os.umask(before)
    assert rotated.old_key is not None
    assert mode(rotated.ca.key_path) == 0o600
    assert mode(rotated.old_key) == 0o600


def test_the_validity_is_explicit(confdir: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    ca = rotate(confdir, now=now).ca
    assert ca.not_before == now - BACKDATED
    assert ca.not_after == now + timedelta(days=round(CA_YEARS * 365.25))


def test_where_there_is_no_ca_one_is_made(confdir: Path) -> None:
    rotated = rotate(confdir, key_type="rsa")
    assert (rotated.old_certificate, rotated.old_key) == (None, None)
    assert rotated.ca.key_description == "RSA 2048"


@pytest.mark.parametrize("damaged", [CERTIFICATE_NAME, KEY_NAME])
def test_it_is_the_way_out_of_a_damaged_pair(confdir: Path, damaged: str) -> None:
    CertificateAuthority.load_or_create(confdir)
    (confdir / damaged).write_text("nonsense")
    with pytest.raises(CaError):
        CertificateAuthority.load_or_create(confdir)
    rotated = rotate(confdir)
    kept = {path.read_bytes() for path in (rotated.old_certificate, rotated.old_key) if path}
    assert b"nonsense" in kept
    CertificateAuthority.load_or_create(confdir)


def test_nothing_that_was_kept_before_is_replaced(confdir: Path) -> None:
    for _ in range(2):
        CertificateAuthority.load_or_create(confdir)
        (confdir / CERTIFICATE_NAME).write_text("nonsense")
        rotate(confdir, now=datetime(2026, 1, 2, tzinfo=UTC))
    assert len(list(confdir.glob("ca-old-*.pem"))) == 2
    assert len(list(confdir.glob("ca-key-old-*.pem"))) == 2


def test_leaves_of_the_old_ca_are_forgotten(confdir: Path) -> None:
    old = CertificateAuthority.load_or_create(confdir)
    leaves = LeafCache(old)
    before = leaves.context_for("a.test")
    leaves.use(rotate(confdir).ca)
    after = leaves.context_for("a.test")
    assert not after.cached
    assert after.fingerprint_sha256 != before.fingerprint_sha256


def test_a_ca_knows_that_it_was_replaced(confdir: Path) -> None:
    old = CertificateAuthority.load_or_create(confdir)
    assert [old.replaced, rotate(confdir).ca.replaced, old.replaced] == [False, False, True]
    new = CertificateAuthority.load_or_create(confdir)
    new.certificate_path.unlink()
    assert not new.replaced, "what cannot be read is no reason to change"


@pytest.fixture
async def private(tmp_path: Path) -> AsyncIterator[Lab]:
    """A lab whose proxy has a CA of its own."""
    lab = Lab(World(tmp_path))
    try:
        yield lab
    finally:
        await lab.stop()


async def test_a_running_proxy_uses_the_new_ca_once_it_reads_its_settings_again(private: Lab) -> None:
    proxy = await private.start()
    origin = await private.origin(tls=True)
    trusts_old = private.client_context()
    await private.inside(await private.connect(origin.port), context=trusts_old)
    rotated = rotate(private.world.confdir)
    await private.inside(await private.connect(origin.port), context=trusts_old)
    assert private.all(CertificateIssued)[-1].cached, "not before it was told"
    assert proxy.reload(proxy.config) == ()
    await private.inside(await private.connect(origin.port), context=private.client_context())
    told = private.all(CaLoaded)
    assert [each.fingerprint_sha256 for each in told][1:] == [rotated.ca.fingerprint_sha256]
    assert not private.all(CertificateIssued)[-1].cached
