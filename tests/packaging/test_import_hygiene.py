"""What starting a part of the product imports, read from `sys.modules` of a fresh interpreter.

Start-up time is what is imported; so the list is the test, and bench measures the milliseconds.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

APP = {"textual", "soth_mitm_tui"}
PROTOCOLS = {"aioquic", "cryptography", "h11", "h2", "OpenSSL", "python_socks", "wsproto"}
LOOPS = {"asyncio", "uvloop", "winloop", "ssl", "socket", "multiprocessing", "concurrent"}
SCREEN = {"rich", "pyperclip"}
DATA = {"brotli", "msgpack", "msgspec", "psutil", "zstandard"}

RUN = """
import sys
sys.argv = ["soth-mitm", *{arguments!r}]
from soth_mitm.cli.main import main
try:
    sys.exit(main())
finally:
    print("\\nMODULES", *sys.modules, file=sys.stderr)
"""

IMPORT_ALL = """
import importlib, pkgutil, sys
import soth_mitm
def fail(name):
    raise
for module in pkgutil.walk_packages(soth_mitm.__path__, "soth_mitm.", onerror=fail):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print("\\nMODULES", *sys.modules, file=sys.stderr)
"""


def imported_by(code: str, directory: Path) -> set[str]:
    """Run `code`, which reports its modules, and return the names of their top-level packages."""
    result = subprocess.run(
        [sys.executable, "-bb", "-W", "error", "-c", code], cwd=directory, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    names = result.stderr.rpartition("\nMODULES ")[2].split()
    return {name.partition(".")[0] for name in names}


def test_importing_the_library_costs_next_to_nothing(tmp_path: Path) -> None:
    code = 'import soth_mitm, sys; print("\\nMODULES", *sys.modules, file=sys.stderr)'
    assert imported_by(code, tmp_path).isdisjoint(APP | PROTOCOLS | LOOPS | SCREEN | DATA)


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_asking_for_version_or_help_starts_nothing(option: str, tmp_path: Path) -> None:
    modules = imported_by(RUN.format(arguments=[option]), tmp_path)
    assert modules.isdisjoint(APP | PROTOCOLS | LOOPS | DATA)


def test_no_module_of_the_core_imports_the_app(tmp_path: Path) -> None:
    assert imported_by(IMPORT_ALL, tmp_path).isdisjoint(APP)
