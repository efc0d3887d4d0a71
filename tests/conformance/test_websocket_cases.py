"""A part of the WebSocket cases that takes seconds; `make websocket-cases` runs them all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FEW = "1.1.5,1.2.6,2.6,2.10,3.2,3.7,4.1.3,4.2.5,5.7,5.15,6.2.3,6.3.1,7.1.3,7.3.6,7.5.1,7.7.9,7.9.3"


@pytest.mark.slow
def test_no_case_is_worse_through_the_proxy() -> None:
    # Another process, because kosoku makes modules of an older suite importable, which -bb would refuse.
    done = subprocess.run(
        [sys.executable, "-m", "tests.conformance.websocket_cases", "--cases", FEW],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(f"{len(FEW.split(','))} cases,   0 failed") == 5
    assert done.stdout.endswith("no case is worse through the proxy\n")
