"""The steps of a change to a trust store: each says what it does, does it, and says how to undo it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import NamedTuple

from soth_mitm.errors import SothError
from soth_mitm.text import printable

PATIENCE = 120
"""Seconds that a program may take; macOS asks for a password meanwhile."""


_ABSENT = re.compile(
    r"could not find|could not be found|cannot find|unable to delete certificate matching|0x80092004",
    re.IGNORECASE,
)
"""How NSS, macOS and Windows say that there is no such certificate."""


class StepFailed(SothError):
    """A step could not be done; the text says which one and why."""


class WriteFile(NamedTuple):
    """Write a file that nobody else writes."""

    path: Path
    data: bytes

    def __str__(self) -> str:
        return f"write {self.path}"

    def run(self) -> str:
        """Write it with mode 0644; return what was done. Raises `StepFailed`."""
        try:
            if self.path.is_symlink():
                raise StepFailed(f"{self.path} is a symbolic link; remove it, and try again")
            if self.path.exists() and self.path.read_bytes() == self.data:
                return f"{self.path} was there already"
            self.path.write_bytes(self.data)
            os.chmod(self.path, 0o644)
        except OSError as error:
            raise StepFailed(f"cannot write {self.path}: {error.strerror or error}") from error
        return f"wrote {self.path}"


class RemoveFile(NamedTuple):
    """Remove a file that we have written."""

    path: Path

    def __str__(self) -> str:
        return f"remove {self.path}"

    def run(self) -> str:
        """Remove it; return what was done. Raises `StepFailed`."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return f"{self.path} was not there"
        except OSError as error:
            raise StepFailed(f"cannot remove {self.path}: {error.strerror or error}") from error
        return f"removed {self.path}"


class Run(NamedTuple):
    """Run a program of the system."""

    argv: tuple[str, ...]
    absent: str = ""
    """What is said where it fails because what should be removed was not there."""

    def __str__(self) -> str:
        return f"run {shlex.join(self.argv)}"

    def run(self) -> str:
        """Run it; return what was done. Raises `StepFailed`."""
        try:
            done = subprocess.run(  # noqa: S603 - the programs are those of `stores`, without a shell
                self.argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
            )
        except OSError as error:
            raise StepFailed(f"cannot run {self.argv[0]}: {error.strerror or error}") from error
        except subprocess.TimeoutExpired as error:
            raise StepFailed(f"{shlex.join(self.argv)} took more than {PATIENCE} s") from error
        if done.returncode == 0:
            return f"ran {shlex.join(self.argv)}"
        said = printable((done.stderr or done.stdout).strip().replace(b"\n", b"; "), 300)
        if self.absent and _ABSENT.search(said):
            return self.absent
        why = said or "it said nothing"
        raise StepFailed(f"{shlex.join(self.argv)} failed with code {done.returncode}: {why}")


Step = WriteFile | RemoveFile | Run
