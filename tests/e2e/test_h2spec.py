"""The cases of h2spec, which sends what RFC 9113 and RFC 7541 forbid.

Over TLS, because a port that takes HTTP/1.1 as well answers a wrong preface in the clear as HTTP/1.1.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers.origins import Answer, Origin
from tests.helpers.program import DEADLINE, running

PROGRAM = shutil.which("h2spec")

PAGE = b"x" * 2000


@pytest.mark.skipif(PROGRAM is None, reason="h2spec is not installed")
def test_every_case_passes(place: Path) -> None:
    assert PROGRAM is not None
    origin = Origin({"/": Answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(PAGE), PAGE))})
    target = f"reverse:http://127.0.0.1:{origin.port}@0"
    try:
        with running("--dump", "-q", "-m", target, home=place) as proxy:
            port = proxy.wait_for(r"listening on [0-9.]+:([0-9]+)", on="err")[1]
            done = subprocess.run(
                [PROGRAM, "-h", "127.0.0.1", "-p", port, "-o", "5", "-t", "-k"],
                capture_output=True,
                timeout=2 * DEADLINE,
            )
    finally:
        origin.close()
    said = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, said[said.find("Failures") :]
    assert " 0 failed" in said
