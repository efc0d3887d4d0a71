"""TLS secrets: the file is private, holds those of both sides, and a bad one is said."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from soth_mitm.config import TlsSettings
from soth_mitm.model.events import Notice
from soth_mitm.net.tls.ca import CertificateAuthority
from soth_mitm.net.tls.keylog import MOST_CONTEXTS, KeylogError, prepare
from soth_mitm.net.tls.leaf import LeafCache
from tests.helpers.net import Lab

posix = pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix
def test_the_file_is_made_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = prepare(tmp_path / "secrets.log")
    finally:
        os.umask(before)
    assert mode(path) == 0o600


@posix
def test_an_existing_file_is_kept_and_tightened(tmp_path: Path) -> None:
    path = tmp_path / "secrets.log"
    path.write_text("before\n")
    path.chmod(0o644)
    prepare(path)
    assert mode(path) == 0o600
    assert path.read_text() == "before\n"


def test_what_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeylogError, match=r"TLS secrets .*none/secrets\.log"):
        prepare(tmp_path / "none" / "secrets.log")
    with pytest.raises(KeylogError):
        prepare(tmp_path)


def test_few_leaf_contexts_are_kept_because_each_holds_the_file_open(
    ca: CertificateAuthority, tmp_path: Path
) -> None:
    leaves = LeafCache(ca, secrets=prepare(tmp_path / "secrets.log"))
    for number in range(MOST_CONTEXTS + 3):
        leaves.context_for(f"{number}.test")
    assert len(leaves) == MOST_CONTEXTS


async def test_both_sides_write_their_secrets_and_the_start_says_so(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "secrets.log"
    await lab.start(tls=TlsSettings(keylog=str(path)))
    (notice,) = lab.all(Notice)
    assert (notice.level, str(path) in notice.text) == ("warning", True)
    link = await lab.link("tls")
    await link.pass_request(link.get())
    lines = path.read_text().splitlines()
    assert len([line for line in lines if line.startswith("CLIENT_HANDSHAKE_TRAFFIC_SECRET ")]) == 2
    assert len([line for line in lines if line.startswith("SERVER_TRAFFIC_SECRET_0 ")]) == 2
    if os.name == "posix":
        assert mode(path) == 0o600


@pytest.mark.parametrize("good", [True, False])
async def test_the_variable_is_heeded_and_a_bad_one_is_only_told(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good: bool
) -> None:
    path = tmp_path / "secrets.log" if good else tmp_path
    monkeypatch.setenv("SSLKEYLOGFILE", str(path))
    await lab.start()
    monkeypatch.delenv("SSLKEYLOGFILE")  # nothing else of the test is to write there
    (notice,) = lab.all(Notice)
    assert notice.level == "warning"
    assert ("are written to" in notice.text) is good
    await lab.link("tls")
    assert path.exists()
