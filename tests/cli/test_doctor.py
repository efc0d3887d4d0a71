"""`soth-mitm doctor`: each check finds what is so, and says what to do."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path

import pytest

from soth_mitm.cli.checkup import network
from soth_mitm.cli.checkup import surroundings as checks
from soth_mitm.cli.checkup.checkup import checkup
from soth_mitm.cli.doctor import text_of
from soth_mitm.config import Config
from soth_mitm.core import Proxy
from soth_mitm.model.checks import Check, Health
from soth_mitm.net.tls.ca import CertificateAuthority
from tests.helpers.program import soth_mitm


def found(config: Config) -> dict[str, Check]:
    ca = CertificateAuthority.load_or_create(config.directory)
    return {check.name: check for check in checks.surroundings(config, ca)}


async def port_check(config: Config) -> Check:
    (check,) = [each async for each in network.ports(config)]
    return check


async def test_a_sound_installation_passes_every_check_with_real_requests(tmp_path: Path) -> None:
    config = Config(confdir=str(tmp_path), listen_port=0)
    results = {check.name: check async for check in checkup(config)}
    failed = [check for check in results.values() if check.health == Health.FAILED]
    assert failed == []
    assert "decrypted with the CA" in results["HTTPS"].found
    assert "without being decrypted" in results["tunnel"].found
    assert "while the stream went on" in results["stream"].found
    assert "a message and its echo passed" in results["WebSocket"].found
    assert {"colour", "clipboard"} <= results.keys()


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
    monkeypatch.delenv("SSL_CERT_FILE")  # of the tests' own surroundings
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


async def test_a_port_that_a_soth_mitm_has_is_well_and_one_of_another_program_is_not(tmp_path: Path) -> None:
    async with Proxy(Config(confdir=str(tmp_path), listen_port=0)) as proxy:
        number = proxy.addresses[0][1]
        check = await port_check(Config(listen_port=number))
        assert check.health == Health.OK
        assert "answers" in check.found
    assert "is free" in (await port_check(Config(listen_port=number))).found


async def test_a_port_of_a_program_that_says_nothing_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "PATIENCE", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as other:
        check = await port_check(Config(listen_port=other.getsockname()[1]))
    assert check.health == Health.WARNING
    assert "-p" in check.advice


async def test_an_address_of_another_machine_fails_and_says_what_to_do() -> None:
    check = await port_check(Config(listen_host="192.0.2.1", listen_port=8080))
    assert check.health == Health.FAILED
    assert "--listen-host" in check.advice


async def test_names_that_resolve_and_those_that_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await network.names("localhost")).health == Health.OK

    async def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fails, raising=False)
    check = await network.names("nothing.invalid")
    assert check.health == Health.WARNING
    assert "does not resolve: Name or service not known" in check.found
