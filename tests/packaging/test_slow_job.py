"""The job of what takes hours: it names what it knows, and what it calls is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JOB = ROOT / ".ci" / "slow"


def test_a_step_that_is_none_is_refused_before_anything_is_installed_or_run() -> None:
    done = subprocess.run([JOB, "fuzz", "fuz"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "No such step: fuz (there are fuzz websocket deflate h2spec bench)\n"


def test_each_step_is_described_and_calls_a_target_that_there_is() -> None:
    text = JOB.read_text()
    (steps,) = re.findall(r"^all=\((.*)\)$", text, re.MULTILINE)
    assert all(re.search(rf"^#   {step} ", text, re.MULTILINE) for step in steps.split())
    targets = re.findall(r"^(\S+): ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    called = re.findall(r"\bmake ([a-z0-9-]+)", text)
    assert len(called) == len(steps.split())
    assert set(called) <= set(targets)
