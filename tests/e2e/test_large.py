"""100 MB down and 50 MB up through the program: whole, as they were, and without room for them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from soth_mitm.text import human_size
from tests.e2e.proxied import Proxied, curl
from tests.helpers.origins import Authority, Nginx, nginx
from tests.helpers.program import DEADLINE

pytestmark = [pytest.mark.outside("curl", "nginx"), pytest.mark.slow]

DOWN = 100 * 1024 * 1024
UP = 50 * 1024 * 1024
MOST_GROWTH = 16 * 1024 * 1024
PIECE = 1024 * 1024


def write_random(path: Path, size: int) -> str:
    """Write bytes that differ at every offset; return their digest."""
    digest = hashlib.sha256()
    seed = hashlib.shake_128(path.name.encode()).digest(PIECE)
    with path.open("wb") as file:
        for number in range(size // PIECE):
            piece = number.to_bytes(8, "big") + seed[8:]
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


@pytest.fixture(scope="module")
def server(place: Path, authority: Authority) -> Iterator[Nginx]:
    """Run a real nginx."""
    directory = place / "nginx"
    directory.mkdir()
    with nginx(directory, authority) as running:
        yield running


class Memory:
    """What a process holds in memory, beside what it held at first."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._first = self._now()
        self.growth = 0

    def _now(self) -> int:
        held: int = self._process.memory_info().rss
        return held

    def look(self) -> None:
        """Note how much it is now, if that is the most."""
        self.growth = max(self.growth, self._now() - self._first)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_download_of_100_mb_is_whole_and_leaves_memory_flat(
    scheme: str, server: Nginx, proxied: Proxied
) -> None:
    path = server.files / "down.bin"
    digest = write_random(path, DOWN)
    warm, token = proxied.token(), proxied.token()
    # What a first connection loads and keeps is not what a body takes.
    curl(*proxied.through(), server.url(scheme, f"/nowhere?{warm}"))
    proxied.line(warm)
    memory = Memory(proxied.program.pid)
    program = shutil.which("curl")
    assert program is not None
    url = server.url(scheme, f"/down.bin?{token}")
    arguments = [program, "-q", "-sS", "--http1.1", "--max-time", "40", *map(str, proxied.through()), url]
    got, seen = hashlib.sha256(), 0
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        while piece := process.stdout.read(PIECE):
            got.update(piece)
            if (seen + len(piece)) // (4 * PIECE) > seen // (4 * PIECE):
                memory.look()
            seen += len(piece)
        assert process.wait(DEADLINE) == 0
    assert seen == DOWN
    assert got.hexdigest() == digest
    memory.look()
    assert memory.growth < MOST_GROWTH
    assert f"  {human_size(DOWN)}  " in proxied.line(token)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_upload_of_50_mb_is_whole_and_leaves_memory_flat(
    scheme: str, server: Nginx, proxied: Proxied, place: Path
) -> None:
    path = place / "up.bin"
    digest = write_random(path, UP)
    memory = Memory(proxied.program.pid)
    for number, extra in enumerate(([], ["-H", "Transfer-Encoding: chunked"])):
        token = proxied.token()
        url = server.url(scheme, f"/put/{scheme}-{number}?{token}")
        got = curl("--max-time", "40", *extra, "-T", path, "-w", "%{http_code}", *proxied.through(), url)
        assert (got.code, got.out) == (0, b"201"), got.err
        memory.look()
        with (server.files / "put" / f"{scheme}-{number}").open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == digest
        logged = server.log(token).split("|")
        assert ("chunked" if extra else str(UP)) in logged
        proxied.line(token)
    assert memory.growth < MOST_GROWTH
