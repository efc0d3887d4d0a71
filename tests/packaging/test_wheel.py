"""The built wheel, installed where nothing of the checkout can be imported by accident."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from soth_mitm import __version__

ROOT = Path(__file__).parents[2]
PACKAGES = {"soth_mitm": ROOT / "soth_mitm", "soth_mitm_tui": ROOT / "tui" / "soth_mitm_tui"}

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command that must succeed and return what it printed."""
    result = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@dataclass(frozen=True)
class Built:
    """What `python -m build` made: a source archive, and a wheel from that archive."""

    sdist: Path
    wheel: Path

    def files(self) -> set[str]:
        """Return the names of the wheel's files."""
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and with the dependencies of the one that runs the tests."""

    directory: Path

    @property
    def bin(self) -> Path:
        """Return where its programs are."""
        return self.directory / ("Scripts" if sys.platform == "win32" else "bin")

    def python(self, code: str) -> str:
        """Run `code` in it, away from the checkout."""
        return run(self.bin / "python", "-bb", "-c", code, cwd=self.directory).strip()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return Built(sdist, wheel)


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    target = Installed(tmp_path_factory.mktemp("venv"))
    venv.create(target.directory, symlinks=os.name != "nt")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "--python", target.bin / "python", "install", "--no-index", "--no-deps", built.wheel, cwd=ROOT)
    paths = {"base": str(target.directory), "platbase": str(target.directory)}
    site_packages = Path(sysconfig.get_path("purelib", vars=paths))
    # A line in a .pth file adds a directory without reading the .pth files in it, so the checkout's
    # editable installation stays out of sight.
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return target


def test_the_wheel_holds_the_two_packages_and_nothing_beside_them(built: Built) -> None:
    assert {name.partition("/")[0] for name in built.files()} == {
        *PACKAGES,
        f"soth_mitm-{__version__}.dist-info",
    }


def test_the_wheel_holds_every_file_of_the_two_packages(built: Built) -> None:
    wanted = {
        f"{package}/{file.relative_to(folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for file in folder.rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }
    assert wanted <= built.files()
    assert {"soth_mitm/py.typed", "soth_mitm_tui/py.typed"} <= wanted
    assert any(name.startswith("soth_mitm_tui/") and name.endswith(".tcss") for name in wanted)


def test_the_wheel_carries_the_licence_and_the_readme(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        info = f"soth_mitm-{__version__}.dist-info"
        assert archive.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
        metadata = archive.read(f"{info}/METADATA").decode()
    assert "License-Expression: Apache-2.0\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata
    assert metadata.endswith((ROOT / "README.md").read_text(encoding="utf-8"))


def test_the_source_archive_can_be_tested(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        top = {Path(name).parts[1] for name in archive.getnames()}
    assert {
        "conftest.py",
        "Makefile",
        "requirements.lock",
        "requirements-dev.lock",
        "tests",
        "snapshots",
    } <= top


def test_both_packages_are_imported_from_the_wheel(installed: Installed) -> None:
    code = "import soth_mitm, soth_mitm_tui; print(soth_mitm.__file__, soth_mitm_tui.__file__, sep='\\n')"
    for file in installed.python(code).splitlines():
        assert Path(file).is_relative_to(installed.directory)


def test_no_package_called_tui_is_installed(installed: Installed) -> None:
    assert installed.python("from importlib.util import find_spec; print(find_spec('tui'))") == "None"


def test_the_installed_library_does_not_import_textual(installed: Installed) -> None:
    assert installed.python("import soth_mitm, sys; print('textual' in sys.modules)") == "False"


def test_the_installed_command_tells_its_version(installed: Installed) -> None:
    assert __version__ in run(installed.bin / "soth-mitm", "--version", cwd=installed.directory)
    module = run(installed.bin / "python", "-bb", "-m", "soth_mitm", "--version", cwd=installed.directory)
    assert __version__ in module
