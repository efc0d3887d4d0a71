"""The shape of the source tree: what lies where, how large a module may be, what no file may say."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TOP_LEVEL = {
    ".ci", ".gitattributes", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile",
    "README.md", "bench", "conftest.py", "docs", "pyproject.toml", "requirements-dev.lock",
    "requirements.lock", "snapshots", "soth_mitm", "tests", "tui",
}  # fmt: skip

LONGEST_MODULE = 500
LONGEST_TEST_MODULE = 800
# Nobody's: the examples and the tests use these.
MACHINE_PATH = re.compile(rb"(?<![\w.:/~%-])/(?:root|home(?!/(?:me/|ada/|\\))|Users|work)/|[A-Z]:\\+Users\\")


@cache
def tree() -> tuple[Path, ...]:
    """Return every file that is committed or could be, relative to the root."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    names = {Path(name) for name in listing.stdout.split("\0") if name}
    return tuple(sorted(name for name in names if (ROOT / name).is_file()))


def modules() -> list[Path]:
    """Return the Python modules of the tree."""
    return [file for file in tree() if file.suffix == ".py"]


def test_the_top_level_holds_exactly_what_it_should() -> None:
    assert {file.parts[0] for file in tree()} == TOP_LEVEL


def test_every_module_says_what_it_is() -> None:
    silent = [str(file) for file in modules() if not ast.get_docstring(ast.parse((ROOT / file).read_bytes()))]
    assert silent == []


def test_no_module_is_too_long() -> None:
    lengths = {str(file): len((ROOT / file).read_bytes().splitlines()) for file in modules()}
    allowed = {True: LONGEST_TEST_MODULE, False: LONGEST_MODULE}
    too_long = {name: size for name, size in lengths.items() if size > allowed[name.startswith("tests/")]}
    assert too_long == {}


def test_every_package_of_the_product_has_an_init_module() -> None:
    folders = {file.parent for file in modules() if file.parts[0] in ("soth_mitm", "tui")}
    assert [str(folder) for folder in sorted(folders) if not (ROOT / folder / "__init__.py").is_file()] == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    found = {
        f"{file}:{number}: {line.strip()[:100]!r}"
        for file in tree()
        for number, line in enumerate((ROOT / file).read_bytes().splitlines(), 1)
        if MACHINE_PATH.search(line)
    }
    assert found == set()


TOO_LARGE = {"chromium"}
"""Programs that are not installed for a run; their tests run where they are there already."""


def test_ci_installs_every_program_that_a_test_asks_for() -> None:
    asked = {
        program
        for file in modules()
        if file.parts[0] in ("tests", "snapshots")
        for names in re.findall(r"mark\.outside\(([^)]*)\)", (ROOT / file).read_text(encoding="utf-8"))
        for program in re.findall(r'"([^"]+)"', names)
    }
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    installed = set(re.findall(r"^  ([a-z0-9-]+)=[a-z0-9-]+$", script, re.MULTILINE))
    assert asked - TOO_LARGE <= installed
