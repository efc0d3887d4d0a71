"""`soth-mitm doctor --probe`: what is said of a server, and of one that cannot be asked."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509 import ocsp
from OpenSSL import SSL

from soth_mitm.cli.checkup.probing import facts, probing, target_of
from soth_mitm.config import Config, HostRule
from soth_mitm.errors import ConfigError
from soth_mitm.model.checks import Check, Health
from soth_mitm.net.tls.probe import Answer
from tests.helpers.program import soth_mitm
from tests.net.tls.proofs import proven, staple
from tests.net.tls.support import NOW, Identity, issue

ISSUER = issue("Proving CA", ca=True)
LEAF = proven(ISSUER)


@contextlib.contextmanager
def stapling(identity: Identity, answer: bytes, directory: Path) -> Iterator[int]:
    """Serve handshakes that carry a staple; return the port."""
    path = directory / "server.pem"
    path.write_bytes(identity.pem)
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate_chain_file(str(path))
    context.use_privatekey_file(str(path))
    context.set_ocsp_server_callback(lambda *_: answer)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                with contextlib.suppress(SSL.Error, OSError), sock:
                    connection = SSL.Connection(context, sock)
                    connection.set_accept_state()
                    connection.do_handshake()
                    connection.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("roots") / "roots.pem"
    path.write_bytes(ISSUER.certificate_pem)
    return path


async def probed(port: int, **settings: object) -> dict[str, Check]:
    config = Config(**settings)  # type: ignore[arg-type]
    return {check.name: check async for check in probing(config, "localhost", port)}


async def test_a_server_with_all_proofs_passes_every_check(tmp_path: Path, roots: Path) -> None:
    with stapling(LEAF, staple(LEAF, ISSUER), tmp_path) as port:
        found = await probed(port, upstream_roots=str(roots))
    assert {check.health for check in found.values()} == {Health.OK}, found
    assert "and trusts its certificate" in found["trust"].found
    assert found["TLS"].found.startswith("TLSv1.3, ")
    assert "localhost; EC P-256" in found["certificate"].found
    assert "CN=Proving CA" in found["chain"].found
    assert found["OCSP staple"].found.startswith("good, as of ")
    assert found["transparency"].found.startswith("2 timestamps, of the logs 0001020304050607 ")


async def test_a_server_that_is_not_trusted_fails_with_the_hint_of_the_proxy(tmp_path: Path) -> None:
    with stapling(LEAF, staple(LEAF, ISSUER), tmp_path) as port:
        found = await probed(port, upstream_roots="certifi")
        accepted = await probed(port, rules=(HostRule(match="localhost", insecure=True),))
    assert found["trust"].health is Health.FAILED
    assert f"The chain of localhost:{port} ends in a root that is not trusted" in found["trust"].advice
    assert found["OCSP staple"].health is Health.OK, "what it proves is told all the same"
    assert accepted["trust"].health is Health.WARNING


async def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = await probed(port)
    assert {name: check.health for name, check in found.items()} == {
        "trust": Health.FAILED,
        "proofs": Health.FAILED,
    }
    assert f"localhost:{port} could not be asked" in found["proofs"].found


async def test_without_pyopenssl_it_is_said_what_cannot_be_read(
    tmp_path: Path, roots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stapling(LEAF, b"", tmp_path) as port:
        monkeypatch.setitem(sys.modules, "OpenSSL", None)
        found = await probed(port, upstream_roots=str(roots))
    assert list(found) == ["trust", "proofs"]
    assert "pyOpenSSL is not installed" in found["proofs"].found
    assert found["proofs"].advice == "pip install pyOpenSSL"


def told(leaf: Identity, answer: bytes, *, days: int = 0) -> dict[str, Check]:
    sent = Answer("TLSv1.3", "AES", "h2", (leaf.der, ISSUER.der), answer, ("Some CA",))
    return {check.name: check for check in facts(sent, NOW + timedelta(days=days))}


def test_a_revoked_certificate_fails() -> None:
    found = told(LEAF, staple(LEAF, ISSUER, status=ocsp.OCSPCertStatus.REVOKED))["OCSP staple"]
    assert found.health is Health.FAILED
    assert "revoked since" in found.found


def test_a_staple_that_is_out_of_date_is_a_warning() -> None:
    found = told(LEAF, staple(LEAF, ISSUER, days=3), days=5)["OCSP staple"]
    assert found.health is Health.WARNING
    assert "out of date" in found.found


def test_a_staple_of_a_stranger_is_a_warning() -> None:
    found = told(LEAF, staple(LEAF, ISSUER, signer=issue("x", ca=True)))["OCSP staple"]
    assert (found.health, found.found.partition(":")[0]) == (Health.WARNING, "unusable")


def test_a_missing_staple_is_a_fault_only_where_the_certificate_demands_one() -> None:
    plain = told(LEAF, b"")["OCSP staple"]
    assert plain.health is Health.OK
    assert "its issuer answers at http://ocsp.example/" in plain.found
    demanded = told(proven(ISSUER, must_staple=True), b"")["OCSP staple"]
    assert demanded.health is Health.FAILED
    assert "must-staple" in demanded.found


def test_a_certificate_without_timestamps_is_a_warning_and_one_that_ended_fails() -> None:
    found = told(proven(ISSUER, count=0), b"", days=70)
    assert found["transparency"].health is Health.WARNING
    assert found["certificate"].health is Health.FAILED
    assert "client certificate of these CAs: Some CA" in found["client cert"].found


def test_what_is_no_certificate_is_said() -> None:
    sent = Answer("TLSv1.3", "AES", "", (b"\x1b[31m",), b"", ())
    checks = list(facts(sent, NOW))
    assert [check.health for check in checks][-1] is Health.FAILED
    assert "\x1b" not in "".join(check.found for check in checks)
    assert [check.name for check in facts(sent._replace(chain=()), NOW)] == ["TLS", "certificate"]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("Example.com", ("example.com", 443)),
        ("example.com:8443", ("example.com", 8443)),
        ("https://example.com/path", ("example.com", 443)),
        ("[::1]:8443", ("::1", 8443)),
        ("::1", ("::1", 443)),
    ],
)
def test_a_target_is_a_host_a_host_with_a_port_or_a_url(text: str, target: tuple[str, int]) -> None:
    assert target_of(text) == target


@pytest.mark.parametrize("text", ["", "a b", "ftp://a/", "a:99999", "me@a"])
def test_what_names_no_host_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="names no host"):
        target_of(text)


def test_the_program_prints_the_checks_and_exits_with_one_where_one_failed(
    tmp_path: Path, roots: Path
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text(f'upstream_roots = "{roots}"\n')
    with stapling(LEAF, staple(LEAF, ISSUER), tmp_path) as port:
        good = soth_mitm("doctor", "--probe", f"localhost:{port}", "--config", config, home=tmp_path)
        bad = soth_mitm("doctor", "--probe", f"localhost:{port}", "--format", "json", home=tmp_path)
    assert good.code == 0, good
    assert "✓ ok       OCSP staple     good, as of " in good.out
    assert bad.code == 1
    assert {check["name"]: check["health"] for check in json.loads(bad.out)}["trust"] == "failed"
