"""The CA in trust stores: what is changed, what is said, what is left alone. No real store is touched."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from soth_mitm.cli.main import main
from soth_mitm.cli.trust import certs, stores
from soth_mitm.cli.trust.account import carry_out
from soth_mitm.cli.trust.place import ROOT, Place
from soth_mitm.cli.trust.steps import RemoveFile, Run, StepFailed, WriteFile
from soth_mitm.net.tls.ca import CertificateAuthority
from soth_mitm.net.tls.rotation import rotate

FAMILIES = [(each.family, each.directory, each.tool) for each in stores.LINUX]
RECORD = """#!/bin/sh
echo "$(basename "$0") $*" >> "{log}"
{more}
"""


class Machine:
    """A directory that stands for a machine, whose programs only note how they were called."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.confdir = root / "conf"
        self.log = root / "calls.log"
        self.home = root / "home"
        self.home.mkdir(parents=True)
        self.ca = CertificateAuthority.load_or_create(self.confdir)

    @property
    def place(self) -> Place:
        return Place("linux", self.root, self.home, privileged=True, played=True)

    def program(self, name: str, more: str = "") -> None:
        path = self.root / "usr" / "sbin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(RECORD.format(log=self.log, more=more))
        path.chmod(0o755)

    def family(self, name: str) -> Path:
        """Make it a system of a family; return where its anchors lie."""
        anchors = next(each for each in stores.LINUX if each.family == name)
        directory = self.root / anchors.directory.lstrip("/")
        directory.mkdir(parents=True)
        self.program(anchors.tool)
        return directory

    def database(self, name: str) -> Path:
        path = self.home / name
        path.mkdir(parents=True)
        (path / "cert9.db").write_bytes(b"")
        return path

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    @property
    def files(self) -> set[Path]:
        return {path for path in self.root.rglob("*") if path.is_file() and path != self.log}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


@pytest.fixture
def ca(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run `soth-mitm ca ...` on the machine; return its exit code and output."""

    def call(*arguments: str) -> tuple[int, str]:
        argv = ["soth-mitm", "ca", *arguments, "--confdir", str(machine.confdir)]
        monkeypatch.setattr(sys, "argv", argv)
        monkeypatch.setenv(ROOT, str(machine.root))
        code = main()
        said = capsys.readouterr()
        return code, said.out + said.err

    return call


@pytest.mark.parametrize(("family", "directory", "tool"), FAMILIES)
def test_linux_takes_the_certificate_gives_it_up_and_each_step_is_told(
    machine: Machine, ca: Callable[..., tuple[int, str]], family: str, directory: str, tool: str
) -> None:
    anchors = machine.family(family)
    before = machine.files
    code, said = ca("install")
    assert code == 0, said
    (written,) = machine.files - before
    assert written.parent == anchors
    assert written.read_bytes() == machine.ca.certificate_pem
    assert written.stat().st_mode & 0o777 == 0o644
    assert f"wrote {written}" in said
    assert machine.ca.fingerprint_sha256 in said
    assert f"to undo: rm {written} && " in said
    assert [call.split()[0] for call in machine.calls] == [tool]

    assert "was there already" in ca("install")[1]
    code, said = ca("uninstall")
    assert code == 0, said
    assert f"removed {written}" in said
    assert machine.files == before
    code, said = ca("uninstall")
    assert code == 0
    assert "has no certificate of this CA" in said


def test_a_dry_run_changes_nothing_and_says_what_it_would(
    machine: Machine, ca: Callable[..., tuple[int, str]]
) -> None:
    anchors = machine.family("Debian")
    machine.program("certutil")
    machine.database(".pki/nssdb")
    before = machine.files
    code, said = ca("install", "--dry-run")
    assert code == 0
    assert f"would write {anchors}" in said
    assert "would run" in said
    assert "nothing was changed" in said
    assert machine.files == before
    assert machine.calls == []


def test_browsers_get_it_in_every_database_by_its_name(
    machine: Machine, ca: Callable[..., tuple[int, str]]
) -> None:
    machine.program("certutil")
    firefox, chromium = machine.database(".mozilla/firefox/x1.default"), machine.database(".pki/nssdb")
    name = certs.read(machine.ca.certificate_path).nickname
    assert name.startswith("soth-mitm CA (")
    code, said = ca("install", "--store", "browsers")
    assert code == 0, said
    path = machine.ca.certificate_path
    assert machine.calls == [
        f"certutil -d sql:{where} -A -t C,, -n {name} -i {path}" for where in (firefox, chromium)
    ]
    assert "Firefox, profile x1.default:" in said
    assert "Chromium and Chrome:" in said
    assert said.count("to undo: ") == 2
    ca("uninstall", "--store", "browsers")
    assert machine.calls[2:] == [f"certutil -d sql:{where} -D -n {name}" for where in (firefox, chromium)]


def test_what_was_not_in_a_database_is_told_as_that_and_any_other_failure_as_one(
    machine: Machine, ca: Callable[..., tuple[int, str]]
) -> None:
    machine.database(".pki/nssdb")
    machine.program("certutil", 'echo "certutil: could not find certificate named \\"x\\"" >&2; exit 255')
    code, said = ca("uninstall", "--store", "browsers")
    assert code == 0
    assert "was not in" in said
    machine.program("certutil", 'printf "bad database \\033[31m" >&2; exit 255')
    code, said = ca("uninstall", "--store", "browsers")
    assert code == 2
    assert "failed with code 255: bad database" in said
    assert "\x1b" not in said


def test_after_a_rotation_the_old_certificates_are_taken_out_too(
    machine: Machine, ca: Callable[..., tuple[int, str]]
) -> None:
    anchors = machine.family("Fedora")
    ca("install")
    code, said = ca("rotate")
    assert code == 0
    assert "the old CA is kept in" in said
    assert "must trust the new one: soth-mitm ca install" in said
    ca("install")
    assert len(list(anchors.iterdir())) == 2
    ca("uninstall")
    assert list(anchors.iterdir()) == []


def test_rotate_names_the_old_files_and_shows_the_new_fingerprint(
    machine: Machine, ca: Callable[..., tuple[int, str]]
) -> None:
    _, said = ca("rotate")
    new = CertificateAuthority.load_or_create(machine.confdir)
    assert new.fingerprint_sha256 in said
    assert new.fingerprint_sha256 != machine.ca.fingerprint_sha256
    for path in machine.confdir.glob("ca*old-*.pem"):
        assert str(path) in said


def test_without_a_known_store_the_obstacle_is_told(
    machine: Machine, ca: Callable[..., tuple[int, str]]
) -> None:
    code, said = ca("install")
    assert code == 2
    assert "none is known here" in said
    machine.database(".pki/nssdb")
    code, said = ca("install", "--store", "browsers")
    assert code == 2
    assert "libnss3-tools" in said


def test_nothing_can_be_taken_out_where_there_never_was_a_ca(
    machine: Machine, ca: Callable[..., tuple[int, str]]
) -> None:
    for path in machine.confdir.iterdir():
        path.unlink()
    code, said = ca("uninstall")
    assert code == 2
    assert "there is no CA in" in said
    assert not any(machine.confdir.iterdir()), "and none is made for it"


def test_only_root_changes_the_systems_store_and_the_command_for_it_is_given(machine: Machine) -> None:
    machine.family("Debian")
    place = machine.place._replace(privileged=False)
    (plan,) = stores.install(place, certs.read(machine.ca.certificate_path), which="system")
    assert plan.steps == ()
    assert f"sudo soth-mitm ca install --store system --confdir {machine.confdir}" in plan.obstacle
    said: list[str] = []
    assert carry_out([plan], said.append, dry_run=False) == 2


@pytest.mark.parametrize(
    ("system", "install", "uninstall"),
    [
        ("darwin", "add-trusted-cert -r trustRoot -k", "delete-certificate -t -Z {sha1}"),
        ("win32", "certutil -user -addstore Root", "certutil -user -delstore Root {sha1}"),
    ],
)
def test_macos_and_windows_do_it_by_their_own_commands(
    machine: Machine, system: str, install: str, uninstall: str
) -> None:
    place = machine.place._replace(system=system, played=False)
    cert = certs.read(machine.ca.certificate_path)
    plan = stores.install(place, cert, which="system")[0]
    assert install in str(plan.steps[0])
    assert str(cert.path) in str(plan.steps[0])
    assert uninstall.format(sha1=cert.sha1) in plan.undo
    plan = stores.uninstall(place, [cert], which="system")[0]
    assert uninstall.format(sha1=cert.sha1) in str(plan.steps[0])


def test_a_played_machine_runs_no_program_of_the_real_one(machine: Machine) -> None:
    assert machine.place.tool("sh") is None


def test_known_certificates_are_the_present_one_and_those_before_it(machine: Machine) -> None:
    rotate(machine.confdir)
    (machine.confdir / "ca-old-nonsense.pem").write_text("nonsense")
    found = certs.known(machine.confdir)
    assert [cert.path.name == "ca.pem" for cert in found] == [True, False]
    assert found[1].pem == machine.ca.certificate_pem


class TestSteps:
    def test_a_link_is_not_written_through(self, tmp_path: Path) -> None:
        link = tmp_path / "anchor.crt"
        link.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StepFailed, match="symbolic link"):
            WriteFile(link, b"x").run()
        assert not (tmp_path / "elsewhere").exists()

    def test_a_directory_that_does_not_exist_is_a_failure_that_names_it(self, tmp_path: Path) -> None:
        with pytest.raises(StepFailed, match=r"cannot write .*none/anchor\.crt"):
            WriteFile(tmp_path / "none" / "anchor.crt", b"x").run()

    def test_a_file_that_is_gone_is_told(self, tmp_path: Path) -> None:
        assert RemoveFile(tmp_path / "gone").run().endswith("was not there")

    def test_a_program_that_does_not_exist_is_a_failure_that_names_it(self) -> None:
        with pytest.raises(StepFailed, match="cannot run /nonexistent/program"):
            Run(("/nonexistent/program",)).run()

    def test_one_store_that_fails_does_not_keep_the_others_from_being_changed(self, tmp_path: Path) -> None:
        bad = stores.Plan("bad", (Run(("/nonexistent/program",)),), "undo")
        good = stores.Plan("good", (WriteFile(tmp_path / "anchor.crt", b"x"),), "undo it")
        said: list[str] = []
        assert carry_out([bad, good], said.append, dry_run=False) == 2
        assert (tmp_path / "anchor.crt").read_bytes() == b"x"
        assert "  to undo: undo it\n" in said
        assert "  to undo: undo\n" not in said
