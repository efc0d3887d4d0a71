"""The recorder that the options of `-w` ask for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from soth_mitm.errors import ConfigError
from soth_mitm.policy.filters import FilterError, compile_filter
from soth_mitm.record.format import SEGMENT_BYTES
from soth_mitm.record.recorder import Recorder
from soth_mitm.record.rotation import amounts_of, rotation_of
from soth_mitm.record.target import DirectoryTarget, FileTarget, StreamTarget
from soth_mitm.record.writefilter import WriteFilter

if TYPE_CHECKING:
    import argparse

    from soth_mitm.config import Config
    from soth_mitm.record.bus import Bus
    from soth_mitm.record.target import Target


def recorder_of(arguments: argparse.Namespace, config: Config, bus: Bus, run_id: str) -> Recorder:
    """Return a recorder of `bus`, which has begun.

    Raises:
        ConfigError: an option is wrong, or makes no sense beside the others.
        DumpError: the place cannot be written.
    """
    rotation = rotation_of(arguments.rotate or [])
    keep = amounts_of(arguments.keep or [], "--keep", "files")
    name = arguments.write
    if keep and not rotation:
        raise ConfigError("--keep is about the files of --rotate: add that, or leave it out")
    if rotation and name == "-":
        raise ConfigError("--rotate writes several files: name a directory for -w, not standard output")
    segment_bytes = rotation.bytes or SEGMENT_BYTES
    if keep.bytes and keep.bytes < 2 * segment_bytes:
        raise ConfigError(f"--keep: keep at least two files of {segment_bytes:,} bytes")
    chosen = _chosen(arguments.write_filter, config)
    target: Target
    if name == "-":
        target = StreamTarget(sys.stdout.buffer)
    elif rotation:
        path = Path(name)
        if path.exists() and not path.is_dir():
            raise ConfigError(f"-w {name} is a file, and --rotate writes into a directory: give another name")
        target = DirectoryTarget.given(path, append=arguments.append, overwrite=arguments.overwrite)
    else:
        target = FileTarget(Path(name), append=arguments.append, overwrite=arguments.overwrite)
    return Recorder(
        bus,
        target,
        run_id=run_id,
        limits=config.limits,
        strict=config.strict_capture,
        filter=chosen.text if chosen is not None else None,
        segment_bytes=segment_bytes,
        rotation=rotation,
        keep=keep,
        compress=arguments.compress,
        chosen=chosen,
    )


def _chosen(text: str | None, config: Config) -> WriteFilter | None:
    if not text:
        return None
    try:
        wanted = compile_filter(text)
    except FilterError as error:
        raise ConfigError(f"--write-filter {text!r}: {error}") from error
    return WriteFilter(wanted, limit=config.limits.write_filter_bytes)
