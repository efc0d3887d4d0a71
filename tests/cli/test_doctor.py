"""`soth-mitm doctor`: each check finds what is so, and says what to do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from soth_mitm.cli.checkup import surroundings as checks
from soth_mitm.cli.checkup.checkup import checkup
from soth_mitm.cli.doctor import text_of
from soth_mitm.config import Config
from soth_mitm.model.checks import Check, Health
from soth_mitm.net.tls.ca import CertificateAuthority
from tests.helpers.program import soth_mitm


def found(config: Config) -> dict[str, Check]:
    ca = CertificateAuthority.load_or_create(config.directory)
    return {check.name: check for check in checks.surroundings(config, ca)}


async def test_a_sound_installation_passes_every_check_with_real_requests(tmp_path: Path) -> None:
    config = Config(confdir=str(tmp_path))
    results = {check.name: check async for check in checkup(config)}
    failed = [check for check in results.values() if check.health == Health.FAILED]
    assert failed == []
    assert "decrypted with the CA" in results["HTTPS"].found
    assert "without being decrypted" in results["tunnel"].found
    assert "while the stream went on" in results["stream"].found


def test_the_program_prints_each_check_and_exits_with_nought(home: Path) -> None:
    done = soth_mitm("doctor", "--format", "json", home=home)
    results = json.loads(done.out)
    assert {"CA", "HTTP", "HTTPS", "stream"} <= {check["name"] for check in results}
    assert done.code == 0


def test_a_key_that_others_can_read_fails_and_says_what_to_do(tmp_path: Path) -> None:
    ca = CertificateAuthority.load_or_create(tmp_path)
    os.chmod(ca.key_path, 0o644)
    check = checks.guarded("CA", lambda: checks._authority(ca))
    assert check.health == Health.FAILED
    assert "chmod 600" in check.advice


async def test_a_damaged_ca_is_what_was_found_and_no_traceback(tmp_path: Path) -> None:
    ca = CertificateAuthority.load_or_create(tmp_path)
    ca.certificate_path.write_text("no certificate")
    results = [check async for check in checkup(Config(confdir=str(tmp_path)))]
    assert results[0].name == "CA"
    assert results[0].health == Health.FAILED
    assert {check.name for check in results}.isdisjoint({"HTTP", "HTTPS"})


def test_variables_that_disturb_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", "/tmp/keys\x1b[2J")
    check = found(Config(confdir=str(tmp_path)))["environment"]
    assert check.health == Health.WARNING
    assert "SSLKEYLOGFILE is set" in check.found
    assert "\x1b" not in check.found
    monkeypatch.delenv("SSLKEYLOGFILE")
    monkeypatch.setenv("https_proxy", "http://other:3128")
    assert "connects without it" in found(Config(confdir=str(tmp_path)))["environment"].found


def test_no_verification_is_a_warning(tmp_path: Path) -> None:
    check = found(Config(confdir=str(tmp_path), insecure=True))["upstream roots"]
    assert check.health == Health.WARNING


def test_few_files_and_a_full_disk_are_warnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soth_mitm.net.sockets.raise_descriptor_limit", lambda: (256, 8192))
    monkeypatch.setattr(checks, "FREE", 2**62)
    results = found(Config(confdir=str(tmp_path)))
    assert results["open files"].advice == "ulimit -n 4096"
    assert results["recording"].health == Health.WARNING


def test_a_check_that_breaks_is_a_check_that_failed() -> None:
    def broken() -> Check:
        raise OSError(28, "No space left on device")

    check = checks.guarded("recording", broken)
    assert check.health == Health.FAILED
    assert "No space left" in check.found
    assert text_of(check).startswith("✕ failed   recording")
