"""The import contracts of pyproject.toml, and that each of them can fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SHORT_CUTS = {
    "soth_mitm/model/reasons.py": "import soth_mitm.policy",
    "soth_mitm/proto/__init__.py": "import asyncio",
    "soth_mitm/record/__init__.py": "import textual",
    "tui/soth_mitm_tui/__init__.py": "import soth_mitm.net",
}
"""One forbidden import for each contract, in the order of the contracts."""


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of the tree at `root`, and of no other tree."""
    script = (
        f"import sys; sys.path[:0] = [{str(root)!r}, {str(root / 'tui')!r}]; "
        "from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    return subprocess.run(
        [sys.executable, "-c", script, "--no-cache", "--no-logo"], cwd=root, capture_output=True, text=True
    )


def test_every_import_contract_holds() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"Contracts: {len(SHORT_CUTS)} kept, 0 broken." in result.stdout


def test_each_contract_is_broken_by_its_short_cut(tmp_path: Path) -> None:
    for package in ("soth_mitm", "tui"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, line in SHORT_CUTS.items():
        with (tmp_path / file).open("a", encoding="utf-8") as source:
            source.write(f"\n{line}\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1
    assert f"Contracts: 0 kept, {len(SHORT_CUTS)} broken." in result.stdout, result.stdout
