"""Where trust comes from."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import certifi
import pytest

from soth_mitm.errors import SothError
from soth_mitm.net.tls import roots
from soth_mitm.net.tls.ca import CertificateAuthority
from soth_mitm.net.tls.roots import RootsError, load_roots
from soth_mitm.net.tls.upstream import UpstreamContext, UpstreamTls
from tests.net.tls.support import Identity, issue, server_context

linux_way = pytest.mark.skipif(roots.SYSTEM_VERIFIER, reason="this system verifies by itself")


def accepts(tls: UpstreamTls, identity: Identity, directory: Path) -> bool:
    """Say whether a verifying context accepts a server that calls itself localhost."""
    ours, theirs = socket.socketpair()
    server = server_context(identity, directory)

    def serve() -> None:
        try:
            server.wrap_socket(ours, server_side=True).close()
        except OSError:
            ours.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with tls.context(verify=True).wrap_socket(theirs, server_hostname="localhost"):
            return True
    except ssl.SSLCertVerificationError:
        return False
    finally:
        theirs.close()
        thread.join(10)


@pytest.fixture
def localhost(root: Identity) -> Identity:
    return issue("localhost", issuer=root)


@pytest.fixture
def hashed(root_path: Path, tmp_path: Path) -> Path:
    """A directory as `openssl rehash` leaves it."""
    directory = tmp_path / "hashed"
    directory.mkdir()
    shutil.copy(root_path, directory / "root.pem")
    subprocess.run(["openssl", "rehash", str(directory)], check=True)
    return directory


def test_a_stranger_is_not_trusted(localhost: Identity, tmp_path: Path) -> None:
    assert not accepts(UpstreamTls(), localhost, tmp_path)


def test_an_extra_file_is_trusted_beside_the_roots_of_the_os(
    localhost: Identity, root_path: Path, tmp_path: Path
) -> None:
    tls = UpstreamTls(roots=root_path)
    assert accepts(tls, localhost, tmp_path)
    assert tls.roots_report is not None
    assert tls.roots_report.location.endswith(f" + {root_path}")
    assert tls.roots_report.reason == ""


@linux_way
def test_an_extra_file_does_not_take_the_other_roots_away(root_path: Path) -> None:
    plain, extra = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    load_roots(plain, "os")
    load_roots(extra, root_path)
    assert extra.cert_store_stats()["x509_ca"] == plain.cert_store_stats()["x509_ca"] + 1


def test_a_trusted_self_signed_leaf_or_an_intermediate_is_enough(root: Identity, tmp_path: Path) -> None:
    middle = issue("Middle", issuer=root, ca=True)
    for trusted, served in ((middle, issue("localhost", issuer=middle)), (own := issue("localhost"), own)):
        path = tmp_path / "trusted.pem"
        path.write_bytes(trusted.certificate_pem)
        assert accepts(UpstreamTls(roots=path), served, tmp_path)


@pytest.mark.outside("openssl")
def test_an_extra_directory_of_hashed_certificates_is_trusted(
    localhost: Identity, hashed: Path, tmp_path: Path
) -> None:
    assert accepts(UpstreamTls(roots=hashed), localhost, tmp_path)


@linux_way
def test_ssl_cert_file_names_the_roots(
    localhost: Identity, root_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(root_path))
    tls = UpstreamTls()
    assert accepts(tls, localhost, tmp_path)
    assert tls.roots_report == ("os", str(root_path), "")


@linux_way
@pytest.mark.outside("openssl")
@pytest.mark.parametrize("several", [False, True])
def test_ssl_cert_dir_names_the_roots(
    localhost: Identity, hashed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, several: bool
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", f"{empty}:{hashed}" if several else str(hashed))
    assert accepts(UpstreamTls(), localhost, tmp_path)


@linux_way
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_a_variable_that_names_nothing_is_reported_and_roots_are_loaded(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "none"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    report = load_roots(context, "os")
    assert f"{variable} names {tmp_path / 'none'}, which does not exist" in report.reason
    # Roots in a directory are looked up when they are needed, and not counted before.
    loaded = context.cert_store_stats()["x509_ca"] > 0
    assert loaded or any(
        re.fullmatch(r"[0-9a-f]{8}\.\d", each.name) for each in Path(report.location).iterdir()
    )


@linux_way
def test_certifi_steps_in_with_a_reason_where_the_os_has_no_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = ssl.DefaultVerifyPaths(None, None, "SSL_CERT_FILE", "/none", "SSL_CERT_DIR", "/none")  # type: ignore[arg-type]
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)
    monkeypatch.setattr(roots, "BUNDLES", ())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    report = load_roots(context, "os")
    assert report.origin == "certifi"
    assert report.location == certifi.where()
    assert "no certificate bundle" in report.reason
    assert context.cert_store_stats()["x509_ca"] > 50


@linux_way
def test_a_bundle_in_its_usual_place_is_found_by_a_python_that_looks_elsewhere(
    root_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = ssl.DefaultVerifyPaths(None, None, "SSL_CERT_FILE", "/none", "SSL_CERT_DIR", "/none")  # type: ignore[arg-type]
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)
    monkeypatch.setattr(roots, "BUNDLES", ("/none/at/all", str(root_path)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert load_roots(context, "os") == ("os", str(root_path), "")
    assert context.cert_store_stats()["x509_ca"] == 1


def test_certifi_can_be_chosen() -> None:
    tls = UpstreamTls(roots="certifi")
    tls.context(verify=True)
    assert tls.roots_report == ("certifi", certifi.where(), "")


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(RootsError, match=r"none\.pem: No such file"):
        UpstreamTls(roots=tmp_path / "none.pem").context(verify=True)


def test_a_file_without_a_certificate_is_an_error_that_says_how_to_convert(tmp_path: Path) -> None:
    path = tmp_path / "junk.der"
    path.write_bytes(b"\x30\x82")
    with pytest.raises(RootsError, match="openssl x509 -inform der") as caught:
        UpstreamTls(roots=path).context(verify=True)
    assert isinstance(caught.value, SothError)


def test_a_directory_that_was_not_hashed_is_an_error_that_says_how(tmp_path: Path) -> None:
    with pytest.raises(RootsError, match="openssl rehash"):
        UpstreamTls(roots=tmp_path).context(verify=True)


def test_no_roots_are_loaded_where_nothing_is_verified() -> None:
    tls = UpstreamTls()
    assert tls.context(verify=False).cert_store_stats()["x509"] == 0
    assert tls.roots_report is None


def test_a_system_verifier_is_used_where_there_is_one_and_does_not_resume(
    localhost: Identity, root_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import truststore

    monkeypatch.setattr(roots, "SYSTEM_VERIFIER", True)
    tls = UpstreamTls(roots=root_path)
    context = tls.context(verify=True)
    assert type(context) is truststore.SSLContext
    assert not isinstance(context, UpstreamContext)
    assert accepts(tls, localhost, tmp_path)
    assert not accepts(tls, issue("localhost"), tmp_path)
    assert isinstance(tls.context(verify=False), UpstreamContext)


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="their stores are no files")
def test_the_system_trusts_a_ca_that_its_bundle_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ca = CertificateAuthority.load_or_create(tmp_path)
    pem = ca.certificate_pem.decode()
    bundle = tmp_path / "bundle.crt"
    monkeypatch.setattr(roots, "BUNDLES", (str(tmp_path / "none.crt"), str(bundle)))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: ssl.DefaultVerifyPaths(*[None] * 6))  # type: ignore[arg-type]
    assert roots.system_trusts(pem) is None
    others = Path(certifi.where()).read_text()
    bundle.write_text(others)
    assert roots.system_trusts(pem) is False
    bundle.write_text(others + pem.replace("\n", "\r\n"))
    assert roots.system_trusts(pem) is True
