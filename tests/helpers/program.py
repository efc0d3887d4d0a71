"""The program itself, as a person starts it: a process of its own, its two streams, its exit code."""

from __future__ import annotations

import codecs
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

DEADLINE = 20.0
"""Seconds that any wait for the program may take before the test fails."""

PROGRAM = (sys.executable, "-bb", "-W", "error", "-m", "soth_mitm")
_ADDRESS = re.compile(r"listening on http://([0-9.]+):([0-9]+)")


class Result(NamedTuple):
    """How a program ended."""

    code: int
    out: str
    err: str


def surroundings(home: Path, **more: str) -> dict[str, str]:
    """Return an environment whose personal directories lie below `home`."""
    places = {
        "HOME": home,
        "XDG_CONFIG_HOME": home / "config",
        "XDG_STATE_HOME": home / "state",
        "XDG_CACHE_HOME": home / "cache",
    }
    return {**os.environ, **{name: str(path) for name, path in places.items()}, **more}


def soth_mitm(*arguments: str | Path, home: Path, stdin: bytes = b"", **more: str) -> Result:
    """Run the program to its end, with `more` added to its environment."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=DEADLINE,
        env=surroundings(home, **more),
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


class Running:
    """A program that runs. What it prints is read as it comes, so it never waits for us."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [*PROGRAM, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            bufsize=0,
        )
        self._changed = threading.Condition()
        self._texts = {"out": "", "err": ""}
        self._readers = [
            threading.Thread(target=self._read, args=(name, stream), daemon=True)
            for name, stream in (("out", self._process.stdout), ("err", self._process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, stream: object) -> None:
        descriptor = stream.fileno()  # type: ignore[attr-defined]
        decoder = codecs.getincrementaldecoder("utf-8")()
        while data := os.read(descriptor, 65536):
            with self._changed:
                self._texts[name] += decoder.decode(data)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(DEADLINE)
        for reader in self._readers:
            reader.join(DEADLINE)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    @property
    def out(self) -> str:
        """What it has printed so far."""
        return self._texts["out"]

    @property
    def err(self) -> str:
        """What it has said about itself so far."""
        return self._texts["err"]

    def wait_for(self, pattern: str, *, on: str = "out") -> re.Match[str]:
        """Wait until a stream (`out` or `err`) matches."""
        end = time.monotonic() + DEADLINE
        with self._changed:
            while True:
                found = re.search(pattern, self._texts[on], re.MULTILINE)
                if found is not None:
                    return found
                left = end - time.monotonic()
                gone = self._process.poll() is not None and not any(r.is_alive() for r in self._readers)
                if left <= 0 or gone:
                    raise AssertionError(f"no {pattern!r} on {on}: {self._texts}")
                self._changed.wait(min(left, 0.1))

    @property
    def port(self) -> int:
        """The port it listens on, once it has said so."""
        return int(self.wait_for(_ADDRESS.pattern, on="err")[2])

    def send(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> Result:
        """Stop it by a signal, and return how it ended."""
        self.send(number)
        return self.ended()

    def ended(self) -> Result:
        """Wait for its end."""
        code = self._process.wait(DEADLINE)
        for reader in self._readers:
            reader.join(DEADLINE)
        return Result(code, self.out, self.err)


@contextmanager
def running(*arguments: str | Path, home: Path, **more: str) -> Iterator[Running]:
    """Start the program, and kill it at the end where it still runs."""
    with Running([str(each) for each in arguments], surroundings(home, **more)) as program:
        yield program
