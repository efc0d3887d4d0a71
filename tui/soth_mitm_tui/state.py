"""What the app remembers from run to run: columns, sort order, saved filters, theme.

It lies in `state.toml` beside the person's `config.toml`, which is never rewritten. Values are
grouped in sections; what this version does not know is kept. Each save reads the file again and
changes in it only what was set here, so that two running apps do not undo each other.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import msgspec

from soth_mitm.errors import in_words
from soth_mitm.text import printable
from soth_mitm_tui.toml_text import to_toml

T = TypeVar("T")

FILE: Final = "state.toml"
SAVE_AFTER: Final = 0.5
"""Seconds from the first change to its save; what changes meanwhile goes along."""
LARGEST: Final = 1024 * 1024
"""Bytes; a larger file is none of ours."""
_HEAD: Final = (
    "# Written by soth-mitm: what the app remembers. Your own settings belong in config.toml,\n"
    "# which is never rewritten.\n\n"
)

Tables = dict[str, Any]


class DamagedError(Exception):
    """A state file that cannot be understood; the text says where."""


class State:
    """Settings of the app by section and key. Without a path, they last as long as the run."""

    def __init__(self, path: Path | None = None, *, writes: bool = True) -> None:
        """Read the file, if there is one; never raises for what is wrong with it.

        A damaged file is moved aside to `state.toml.bad`, and `notices` says so. With `writes` off
        nothing is written, moved or made.
        """
        self.path = path
        self.notices: list[str] = []
        """What the person should be told, oldest first; whoever shows one takes it out."""
        self._writes = writes and path is not None
        self._tables: Tables = {}
        self._unsaved: dict[tuple[str, str], object] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._saving: asyncio.Task[None] | None = None
        if path is not None:
            self._load(path)

    # --- values

    def get(self, section: str, key: str, default: T) -> T:
        """Return a value of the type of `default`, and `default` where there is none or another."""
        return self.get_as(section, key, type(default), default)

    def get_as(self, section: str, key: str, kind: object, default: T) -> T:
        """Return a value as a `kind`, which may be a struct or `list[str]`; `default` where it is none.

        A value that is there and of another kind is named in `notices`, once.
        """
        table = self._tables.get(section)
        if not isinstance(table, dict) or key not in table:
            return default
        try:
            value: T = msgspec.convert(table[key], cast("Any", kind))
        except (msgspec.ValidationError, TypeError) as error:
            self._say(
                f"{self._where}: {section}.{key} is not usable ({in_words(str(error), cast('type', kind))}); "
                "the app goes on as if it were not there"
            )
            del table[key]
            return default
        return value

    def set(self, section: str, key: str, value: object) -> None:
        """Remember a value, which may hold structs; None forgets it. It is saved a moment later.

        Raises:
            TypeError: it holds what TOML does not have.
        """
        plain = None if value is None else msgspec.to_builtins(value)
        if plain is not None:
            to_toml({key: plain})
        table = self._tables.get(section)
        if not isinstance(table, dict):
            table = self._tables[section] = {}
        if table.get(key) == plain and type(table.get(key)) is type(plain):
            return
        _put(table, key, plain)
        if self._writes:
            self._unsaved[section, key] = plain
            self._save_later()

    # --- the file

    @property
    def _where(self) -> str:
        return printable(str(self.path)) if self.path is not None else FILE

    def _say(self, notice: str) -> None:
        if notice not in self.notices:
            self.notices.append(notice)

    def _load(self, path: Path) -> None:
        try:
            self._tables = _read(path)
        except DamagedError as error:
            told = f"{self._where} could not be read: {error}. The app starts with its defaults"
            if not self._writes:
                self._say(f"{told}; the file stays as it is")
                return
            try:
                aside = _move_aside(path)
            except OSError as failure:
                self._writes = False
                self._say(f"{told} and saves nothing: the file cannot be moved aside ({failure.strerror})")
            else:
                self._say(f"{told}; what was in the file is in {printable(str(aside))}")
        except OSError as error:
            self._writes = False
            self._say(
                f"{self._where} could not be opened: {error.strerror or error}. "
                "The app starts with its defaults and saves nothing"
            )

    def _save_later(self) -> None:
        if self._timer is not None or self._saving is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # `flush` saves it
        self._timer = loop.call_later(SAVE_AFTER, self._save_soon)

    def _save_soon(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        self._saving = loop.create_task(self._save_in_thread(), name="save the state")

    async def _save_in_thread(self) -> None:
        """Save without the loop waiting for the disk."""
        assert self.path is not None
        changes, self._unsaved = self._unsaved, {}
        try:
            await asyncio.to_thread(_save, self.path, changes)
        except OSError as error:
            self._failed(error)
        finally:
            self._saving = None
        if self._unsaved:
            self._save_later()

    def _failed(self, error: OSError) -> None:
        self._writes = False
        self._say(
            f"{self._where} could not be written: {error.strerror or error}. "
            "What you change in the app lasts until you leave it"
        )

    async def close(self) -> None:
        """Save what is not saved yet."""
        if self._saving is not None:
            await self._saving
        self.flush()

    def flush(self) -> None:
        """Save at once, on the caller's thread."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        changes, self._unsaved = self._unsaved, {}
        if changes and self._writes and self.path is not None:
            try:
                _save(self.path, changes)
            except OSError as error:
                self._failed(error)


def _put(table: Tables, key: str, value: object) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value


def _read(path: Path) -> Tables:
    """Return what a file holds, nothing where there is none.

    Raises:
        DamagedError: it is no TOML.
        OSError: it cannot be opened.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return {}
    if len(data) > LARGEST:
        raise DamagedError(f"it is larger than {LARGEST:,} bytes")
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DamagedError(f"line {line} is not UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DamagedError(printable(str(error), 200)) from error


def _move_aside(path: Path) -> Path:
    """Rename a file to the first free one of `.bad`, `.bad2`, ...; return the name."""
    for number in range(1, 100):
        aside = path.with_name(f"{path.name}.bad{number if number > 1 else ''}")
        if not aside.exists():
            path.replace(aside)
            return aside
    raise FileExistsError(17, f"there are {number} files like {aside.name} already")


def _save(path: Path, changes: dict[tuple[str, str], object]) -> None:
    """Change some values in a file, which is replaced as a whole; readable by its owner only."""
    path = path.resolve()  # a link stays one
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        tables = _read(path)
    except DamagedError:
        _move_aside(path)
        tables = {}
    for (section, key), value in changes.items():
        table = tables.get(section)
        if not isinstance(table, dict):
            table = tables[section] = {}
        _put(table, key, value)
    text = _HEAD + to_toml({name: table for name, table in tables.items() if table != {}})
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(draft).unlink()
        raise
