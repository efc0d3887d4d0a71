"""The lock files: what they may hold, and that they follow pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def pins(lock: str) -> dict[str, str]:
    """Return the versions that a lock file names, by project."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ]+)", text, re.MULTILINE))


def wanted(table: str) -> list[Requirement]:
    """Return what pyproject.toml asks for here: `run`, or an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["dependencies"] if table == "run" else project["optional-dependencies"][table]
    requirements = map(Requirement, lines)
    return [one for one in requirements if one.marker is None or one.marker.evaluate()]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_holds_versions_and_hashes_and_nothing_else(lock: str) -> None:
    allowed = re.compile(r"#.*|[a-z0-9.-]+==[^ ]+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not allowed.fullmatch(line)] == []


@pytest.mark.parametrize(
    ("table", "lock"),
    [("run", "requirements.lock"), ("run", "requirements-dev.lock"), ("dev", "requirements-dev.lock")],
)
def test_a_lock_satisfies_pyproject(table: str, lock: str) -> None:
    locked = pins(lock)
    unmet = [str(one) for one in wanted(table) if not one.specifier.contains(locked.get(one.name, "0"))]
    assert unmet == [], "run `make lock`"


def test_the_development_lock_repeats_the_runtime_lock() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()
