"""Importing the package loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

LAZY = (
    "soth_mitm.net.tls",
    "chain",
    "failure",
    "hostnames",
    "keylog",
    "leaf",
    "mirror",
    "names",
    "profiles",
    "reasons",
    "roots",
    "signals",
    "upstream",
)


@pytest.mark.parametrize("module", LAZY)
def test_importing_a_module_loads_no_heavy_package(module: str) -> None:
    name = module if "." in module else f"soth_mitm.net.tls.{module}"
    script = (
        f"import sys, {name}\n"
        "heavy = {'cryptography', 'truststore', 'certifi', 'asyncio', 'textual'}\n"
        "print(*sorted(heavy & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
