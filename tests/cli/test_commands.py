"""`run`, `env` and `ca` as programs."""

from __future__ import annotations

import json
import os
import signal
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import pkcs12

from soth_mitm.cli import environ
from tests.helpers.program import running, soth_mitm
from tests.helpers.sites import Site, site

FETCH = "import sys, urllib.request as u; sys.stdout.write(u.urlopen(sys.argv[1]).read().decode())"
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.fixture
def plain() -> Iterator[Site]:
    with site() as server:
        yield server


# --- run ----------------------------------------------------------------------------------------


def test_run_sends_the_command_through_a_proxy_of_its_own(plain: Site, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{plain.port}/seen"
    recording = tmp_path / "run.soth"
    result = soth_mitm(
        "run", "-w", recording, "--", sys.executable, "-c", FETCH, url, home=tmp_path, NO_PROXY="127.0.0.1"
    )
    assert result.code == 0
    assert result.out == '{"path": "/seen"}'
    assert result.err == f"soth-mitm: 1 flow, 17 received, recorded in {recording}\n"
    assert "/seen  " in soth_mitm("--dump", "-r", recording, home=tmp_path).out


def test_run_sets_proxy_and_trust_for_the_command_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # What belongs to go's module downloads, and what programs trust, must survive.
    result = soth_mitm(
        "run", "-q", "--confdir", "conf", "--", sys.executable, "-c", SHOW, home=tmp_path, GOPROXY="kept"
    )
    child = json.loads(result.out)
    assert result.err == ""
    proxies = {child[name] for name in (*environ.PROXY, *environ.PROXY_OF_TOOLS)}
    assert len(proxies) == 1
    assert proxies.pop().startswith("http://127.0.0.1:")
    assert child["NO_PROXY"] == child["no_proxy"] == ""
    assert child["NODE_USE_ENV_PROXY"] == "1"
    assert child["GOPROXY"] == "kept"
    bundles = {Path(child[name]) for name in environ.BUNDLE}
    assert len(bundles) == 1
    bundle, own = bundles.pop(), Path(child["NODE_EXTRA_CA_CERTS"])
    assert bundle.is_absolute()
    assert own.is_absolute()
    assert own.read_bytes().strip() in bundle.read_bytes()
    assert Path(os.environ["SSL_CERT_FILE"]).read_bytes().strip() in bundle.read_bytes()
    assert len(ssl.create_default_context(cafile=str(bundle)).get_ca_certs()) == 2


def test_run_exits_with_the_code_of_its_command(tmp_path: Path) -> None:
    assert soth_mitm("run", "--", sys.executable, "-c", "raise SystemExit(7)", home=tmp_path).code == 7


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_run_exits_with_128_and_the_signal_that_ended_its_command(tmp_path: Path) -> None:
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert soth_mitm("run", "--", sys.executable, "-c", killed, home=tmp_path).code == 128 + signal.SIGKILL


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_run_passes_signals_on(number: int, tmp_path: Path) -> None:
    waiting = (
        "import signal, sys, threading\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(9))\n"
        "print('ready', flush=True)\nthreading.Event().wait(30)"
    )
    with running("run", "--", sys.executable, "-c", waiting, home=tmp_path) as program:
        program.wait_for("ready")
        ended = program.end(number)
    assert ended.code == 9
    assert ended.err == "soth-mitm: 0 flows, 0 received\n"


def test_run_takes_a_free_port_whatever_the_settings_say(plain: Site, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(f"listen_port = {plain.port}\n")
    result = soth_mitm("run", "--config", settings, "--", sys.executable, "-c", SHOW, home=tmp_path)
    assert result.code == 0
    assert not json.loads(result.out)["HTTP_PROXY"].endswith(f":{plain.port}")


# --- env ----------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="the exports are for a POSIX shell")
def test_env_makes_a_shell_use_the_running_proxy(plain: Site, tmp_path: Path) -> None:
    conf = tmp_path / "it's a conf"
    url = f"http://127.0.0.1:{plain.port}/shell"
    with running("--dump", "-p", "0", "--confdir", conf, home=tmp_path) as program:
        port = program.port
        exports = soth_mitm("env", home=tmp_path)
        chosen = soth_mitm("env", "-p", str(port), home=tmp_path)
        assert chosen == exports
        assert (exports.code, exports.err) == (0, "")
        shell = f'eval "$1"; exec "{sys.executable}" -c "$2" "$3"'
        done = subprocess.run(
            ["sh", "-c", shell, "sh", exports.out, FETCH, url], capture_output=True, text=True, timeout=30
        )
        assert done.stdout == '{"path": "/shell"}', done.stderr
        program.wait_for("/shell  ")
        assert f"export SSL_CERT_FILE='{conf}/".replace("it's", "it'\"'\"'s") in exports.out
        assert program.end().code == 0
    assert soth_mitm("env", home=tmp_path).code == 2
    names = [line.split("=")[0].removeprefix("export ") for line in exports.out.splitlines()]
    unset = soth_mitm("env", "--unset", home=tmp_path)
    assert unset.out.splitlines() == [f"unset {name}" for name in names]


def test_env_asks_which_proxy_is_meant_and_passes_over_dead_ones(tmp_path: Path) -> None:
    left = tmp_path / "state" / "soth-mitm" / "running"
    start = ("--dump", "-p", "0")
    with running(*start, home=tmp_path) as first, running(*start, home=tmp_path) as second:
        ports = sorted([first.port, second.port])
        which = soth_mitm("env", home=tmp_path)
        assert which.code == 2
        assert all(str(port) in which.err for port in ports)
        assert f":{ports[0]}" in soth_mitm("env", "-p", str(ports[0]), home=tmp_path).out
    # Both were killed as the block ended, so their files are still there.
    assert len(list(left.iterdir())) == 2
    assert soth_mitm("env", home=tmp_path).code == 2
    assert list(left.iterdir()) == []


# --- ca -----------------------------------------------------------------------------------------


def test_ca_show_tells_where_it_is_and_what_to_do_with_it(tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    shown = soth_mitm("ca", "show", "--confdir", conf, home=tmp_path)
    certificate = x509.load_pem_x509_certificate((conf / "ca.pem").read_bytes())
    assert (shown.code, shown.err) == (0, "")
    for part in (
        str(conf / "ca.pem"),
        str(conf / "ca-key.pem"),
        certificate.subject.rfc4514_string(),
        certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        "EC P-256",
        f"{certificate.not_valid_after_utc:%Y-%m-%d}",
        "--cacert",
    ):
        assert part in shown.out
    if os.name == "posix":
        assert stat.S_IMODE((conf / "ca-key.pem").stat().st_mode) == 0o600


def test_ca_export_gives_the_certificate_and_never_the_key(tmp_path: Path) -> None:
    conf = ("--confdir", tmp_path / "conf")
    pem = soth_mitm("ca", "export", *conf, home=tmp_path)
    certificate = x509.load_pem_x509_certificate(pem.out.encode())
    assert "PRIVATE" not in pem.out
    for kind in ("der", "p12"):
        path = tmp_path / f"ca.{kind}"
        done = soth_mitm("ca", "export", "--format", kind, "--out", path, *conf, home=tmp_path)
        assert done == (0, "", "")
        data = path.read_bytes()
        if kind == "der":
            assert x509.load_der_x509_certificate(data) == certificate
        else:
            key, _, others = pkcs12.load_key_and_certificates(data, None)
            assert key is None
            assert others == [certificate]
    again = soth_mitm("ca", "export", "--out", tmp_path / "ca.der", *conf, home=tmp_path)
    assert again.code == 2
    assert "exists already" in again.err
