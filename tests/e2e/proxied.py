"""The program under test with real clients around it: each request is made twice, directly and through it."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.helpers.program import DEADLINE, Running


class Got(NamedTuple):
    """What curl wrote, and how it ended."""

    code: int
    out: bytes
    err: str


def curl(*arguments: str | Path) -> Got:
    """Run curl without the person's own settings."""
    program = shutil.which("curl")
    assert program is not None
    done = subprocess.run(
        [program, "-q", "-sS", "--http1.1", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=2 * DEADLINE,
    )
    return Got(done.returncode, done.stdout, done.stderr.decode())


class Proxied:
    """A running `soth-mitm --dump`, and the counting of what went through it."""

    def __init__(self, program: Running, home: Path) -> None:
        self.program = program
        self.url = f"http://127.0.0.1:{program.port}"
        self.ca = home / "config" / "soth-mitm" / "ca.pem"
        self.tokens: list[str] = []
        """A part of the URL of each request that went through it."""
        self._numbers = itertools.count(1)

    def token(self) -> str:
        """Return what marks the next request."""
        token = f"case-{next(self._numbers)}-end"
        self.tokens.append(token)
        return token

    def through(self) -> tuple[str | Path, ...]:
        """Return the arguments that send curl through it."""
        return ("-x", self.url, "--cacert", self.ca, "--suppress-connect-headers")

    def line(self, token: str) -> str:
        """Wait for the line of a flow."""
        return self.program.wait_for(rf"^.*{token}.*\n")[0]
