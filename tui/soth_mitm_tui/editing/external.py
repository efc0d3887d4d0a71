"""The person's own editor over the app: it has the terminal, and the proxy goes on meanwhile.

The driver of the terminal is suspended and the editor awaited as a process, within `batch_update`: the
queue of what is to be drawn would fill, and the loop would wait for it, for good. Nothing is raised in
there, as Textual does not take the terminal back then.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from textual.app import SuspendNotSupported

from soth_mitm.errors import SothError
from soth_mitm.text import human_size, printable

if TYPE_CHECKING:
    from textual.app import App

VARIABLES: Final = ("VISUAL", "EDITOR")

# An interrupt is for the editor alone, and a stop (ctrl+z) would leave a terminal that nobody reads: so
# it is made the foreground, in a process group of its own, and ignores the second. A program between
# does that, as code between fork and exec is not safe in a process with threads.
_LAUNCH: Final = """\
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
try:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
except OSError:
    pass
signal.signal(signal.SIGTTOU, signal.SIG_DFL)
signal.signal(signal.SIGTSTP, signal.SIG_IGN)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class EditorError(SothError):
    """The editor could not be used, or what it wrote could not be taken; the text says why."""


class Outcome(NamedTuple):
    """What an editor left."""

    data: bytes
    path: Path
    """The file, in a directory of its own; to be removed by `forget`."""


def editor_command(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the command of the person's editor.

    Raises:
        EditorError: none is set, or it is not there.
    """
    name = next((each for each in VARIABLES if environment.get(each, "").strip()), "")
    if not name:
        raise EditorError("No editor is set: $VISUAL or $EDITOR names one, such as EDITOR=vim")
    try:
        command = shlex.split(environment[name])
    except ValueError as error:
        raise EditorError(f"${name} cannot be read: {error}") from error
    if shutil.which(command[0]) is None:
        raise EditorError(f"${name} names {printable(command[0], 80)}, which is not there")
    return command


async def edit_outside(app: App[None], data: bytes, *, suffix: str, most: int) -> Outcome:
    """Have the person edit bytes in a file of their own editor; nothing else of the app goes on in sight.

    Args:
        app: Gives up the terminal, and takes it back whatever happens.
        data: What is edited.
        suffix: Of the file's name, by which an editor knows what it is.
        most: Bytes that are taken back.

    Raises:
        EditorError: its text says why; where the person has written something, also where it is.
    """
    command = editor_command()
    path = await asyncio.to_thread(_write, data, suffix)
    try:
        code, failure = await _run(app, [*command, str(path)])
    except asyncio.CancelledError:
        if path.exists() and path.read_bytes() == data:
            forget(path)
        raise
    if not failure and code:
        failure = f"{printable(command[0], 40)} {_ended(code)}: nothing is taken from it"
    try:
        written = await asyncio.to_thread(_read, path, most)
    except (OSError, ValueError) as error:
        failure, written = failure or f"{path} cannot be taken: {error}", None
    if failure:
        if written in (None, data):
            await asyncio.to_thread(forget, path)
            raise EditorError(failure)
        raise EditorError(f"{failure}; what was written is kept in {path}")
    assert written is not None
    return Outcome(written, path)


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def forget(path: Path) -> None:
    """Remove the file, and its directory."""
    shutil.rmtree(path.parent, ignore_errors=True)


def _write(data: bytes, suffix: str) -> Path:
    path = Path(tempfile.mkdtemp(prefix="soth-mitm-")) / f"message{suffix}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
    return path


def _read(path: Path, most: int) -> bytes:
    size = path.stat().st_size
    if size > most:
        raise ValueError(f"it has {human_size(size)} bytes, more than {human_size(most)}")
    return path.read_bytes()


async def _run(app: App[None], command: list[str]) -> tuple[int, str]:
    """Run a command that has the terminal; return its exit code, and why that could not be done."""
    code, failure = 0, ""
    cancelled: asyncio.CancelledError | None = None
    try:
        with app.batch_update(), app.suspend():
            try:
                with _terminal():
                    code = await _wait(command)
            except asyncio.CancelledError as error:
                cancelled = error
            except Exception as error:
                failure = f"{printable(command[0], 80)} cannot be run: {error}"
    except SuspendNotSupported:
        failure = "This terminal cannot be handed to an editor"
    if cancelled is not None:
        raise cancelled
    return code, failure


async def _wait(command: list[str]) -> int:
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCH] if hasattr(os, "tcsetpgrp") else []
    # Standard output may be a recording: the terminal is on standard error, for the app draws there.
    output = None if os.isatty(1) else 2
    process = await asyncio.create_subprocess_exec(*launcher, *command, stdout=output)
    try:
        return await process.wait()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.terminate()
        raise


@contextmanager
def _terminal() -> Iterator[None]:
    """Take the foreground of the terminal back at the end, whoever has it then."""
    try:
        before = os.tcgetpgrp(0)
    except (OSError, AttributeError):
        yield
        return
    try:
        yield
    finally:
        usual = signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # it stops who does this in the background
        with suppress(OSError):
            os.tcsetpgrp(0, before)
        signal.signal(signal.SIGTTOU, usual)
