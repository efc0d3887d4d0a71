"""Schemas of Protocol Buffers from files: descriptor sets, and `.proto` sources where a compiler is there.

A descriptor set is what `protoc --include_imports --descriptor_set_out=FILE` writes. Sources are made
into one at the start, since a process that lays bodies out reads the sets for itself.
"""

from __future__ import annotations

import atexit
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

from soth_mitm.decode.protobuf.schema import MOST_BYTES, Schema, SchemaError, schema_of
from soth_mitm.errors import ConfigError
from soth_mitm.text import human_size, printable

COMPILE_SECONDS: Final = 60.0

_NO_COMPILER: Final = (
    "a .proto file needs protoc, or the Python package grpcio-tools; install one of them, or give what "
    "`protoc --include_imports --descriptor_set_out=FILE` writes elsewhere"
)


def prepared(names: Iterable[str]) -> tuple[str, ...]:
    """Return the paths of descriptor sets for files that a person has named, `.proto` sources compiled.

    Raises:
        ConfigError: a file cannot be read, is none, or cannot be compiled; the text says which and why.
    """
    files = [Path(name).expanduser().absolute() for name in names]
    sources = [file for file in files if file.suffix == ".proto"]
    sets = [file for file in files if file.suffix != ".proto"]
    if sources:
        sets.append(_compiled(sources))
    for file in sets:
        _read(file)
    return tuple(map(str, sets))


@lru_cache(maxsize=8)
def load(paths: tuple[str, ...]) -> Schema | None:
    """Return what prepared descriptor sets declare; None where there are none, or they are gone."""
    if not paths:
        return None
    try:
        return schema_of(Path(path).read_bytes() for path in paths)
    except (OSError, SchemaError):
        return None


def _read(file: Path) -> None:
    try:
        size = file.stat().st_size
        if size > MOST_BYTES:
            raise SchemaError(f"it has {human_size(size)} bytes, more than {human_size(MOST_BYTES)}")
        schema_of([file.read_bytes()])
    except OSError as error:
        raise ConfigError(f"--proto {file}: {error.strerror or error}") from None
    except SchemaError as error:
        raise ConfigError(
            f"--proto {file}: {error}; give what protoc --descriptor_set_out writes, or a .proto file"
        ) from None


def _compiled(sources: list[Path]) -> Path:
    for source in sources:
        if not source.is_file():
            raise ConfigError(f"--proto {source}: there is no such file")
    compiler = _compiler()
    directory = Path(tempfile.mkdtemp(prefix="soth-proto-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    out = directory / "schema.desc"
    roots = dict.fromkeys([str(Path.cwd()), *(str(source.parent) for source in sources)])
    command = [
        *compiler, "--include_imports", f"--descriptor_set_out={out}",
        *(f"--proto_path={root}" for root in roots), *map(str, sources),
    ]  # fmt: skip
    try:
        # The person has named the compiler by installing it, and the files by an option.
        done = subprocess.run(command, capture_output=True, timeout=COMPILE_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"--proto: {compiler[0]} did not do its work: {error}") from None
    if done.returncode:
        lines = printable(done.stderr[:2000].strip().replace(b"\n", b"; "), 600)
        raise ConfigError(f"--proto: {lines or 'the compiler failed and did not say why'}")
    return out


def _compiler() -> list[str]:
    found = shutil.which("protoc")
    if found:
        return [found]
    if importlib.util.find_spec("grpc_tools") is not None:
        return [sys.executable, "-m", "grpc_tools.protoc"]
    raise ConfigError(f"--proto: {_NO_COMPILER}")
