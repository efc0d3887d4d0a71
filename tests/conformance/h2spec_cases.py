"""The cases of h2spec: nginx by itself, and the proxy in front of it and of a server of HTTP/1.1.

Run it as `make h2spec-cases`. What counts is the comparison: a case may fail through the proxy only where
it fails with nginx alone. Over TLS, because a port that takes HTTP/1.1 as well answers a wrong preface in
the clear as HTTP/1.1.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.helpers.origins import HOST, Authority, nginx
from tests.helpers.program import running

MISSING = 77
"""The exit code where h2spec or nginx is not installed."""
PATIENCE = 300.0
"""Seconds for all cases of one way."""
_PAGE = b"x" * 2000
_COUNTS = re.compile(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed")
_HEADING = re.compile(r"^\s*(\S+)\. (.+)$")
_FAILED = re.compile(r"× (\d+): (.*)$")


class Found(NamedTuple):
    """What h2spec says of one server."""

    counts: str
    failed: frozenset[str]
    """The cases that failed, by section and number."""


def read(report: str) -> Found:
    """Return what a report of h2spec says.

    Raises:
        ValueError: it has no line of counts, so h2spec did not come to its end.
    """
    counted = _COUNTS.search(report)
    if counted is None:
        raise ValueError(f"h2spec gave no result: {report[-400:]}")
    section, failed = "", set()
    for line in report[report.find("Failures:") :].splitlines() if counted[4] != "0" else ():
        if case := _FAILED.search(line):
            failed.add(f"{section} {case[1]}: {case[2]}")
        elif heading := _HEADING.match(line):
            section = heading[1]
    return Found(counted[0], frozenset(failed))


def ask(port: int) -> Found:
    """Run all cases against a port."""
    program = shutil.which("h2spec")
    assert program is not None
    done = subprocess.run(
        [program, "-h", HOST, "-p", str(port), "-o", "5", "-t", "-k"],
        capture_output=True,
        timeout=PATIENCE,
    )
    return read(done.stdout.decode("utf-8", "replace"))


@contextlib.contextmanager
def ways(place: Path) -> Iterator[dict[str, int]]:
    """Yield the port of each way: nginx itself first, then the proxy in front of what nginx speaks."""
    with nginx(place / "nginx", Authority(place), http2=True) as server:
        (server.files / "index.html").write_bytes(_PAGE)
        targets = [f"reverse:{scheme}://{HOST}:{port}@0" for scheme, port in (
            ("https", server.https_port), ("http", server.http_port),
        )]  # fmt: skip
        options = [part for target in targets for part in ("-m", target)]
        with running("--dump", "-q", "-k", *options, home=place) as proxy:
            found = {"nginx": server.https_port}
            for name, scheme in (("before HTTP/2", "https"), ("before HTTP/1.1", "http")):
                said = proxy.wait_for(rf"listening on [0-9.]+:([0-9]+) \(reverse:{scheme}:", on="err")
                found[name] = int(said[1])
            yield found


def main() -> int:
    """Run all ways; return 1 where a case is worse through the proxy."""
    if missing := [name for name in ("h2spec", "nginx") if shutil.which(name) is None]:
        sys.stderr.write(f"not installed: {', '.join(missing)}\n")
        return MISSING
    worse = 0
    known: frozenset[str] = frozenset()
    with tempfile.TemporaryDirectory() as directory, ways(Path(directory)) as ports:
        for name, port in ports.items():
            found = ask(port)
            new = frozenset() if name == "nginx" else found.failed - known
            known = found.failed if name == "nginx" else known
            worse += len(new)
            sys.stdout.write(f"{name:16} {found.counts}\n")
            sys.stdout.writelines(
                f"    {case}\n" for case in sorted(found.failed if name == "nginx" else new)
            )
            sys.stdout.flush()
    sys.stdout.write(f"{worse or 'no'} case{'s are' if worse > 1 else ' is'} worse through the proxy\n")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
