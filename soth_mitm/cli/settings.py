"""From parsed arguments to settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from soth_mitm import config as settings
from soth_mitm.cli import tls_options
from soth_mitm.errors import ConfigError, SothError
from soth_mitm.policy.breakpoints import given as breakpoints_of
from soth_mitm.policy.breakpoints.given import settings_of
from soth_mitm.policy.modes import endpoints
from soth_mitm.policy.rules import from_tables

if TYPE_CHECKING:
    import argparse

    from soth_mitm.cli.tallying import FailOn
    from soth_mitm.policy.filters import Filter

_NAMES = (
    "mode",
    "listen_host",
    "listen_port",
    "keep_host",
    "proxy_protocol",
    "proxy_auth",
    "confdir",
    "insecure",
    "http2",
    "tunnel",
    "block",
    "spill",
    "strict_capture",
    "redact",
    "proto",
)
_SERVER_REPLAY = (
    ("files", "server_replay"),
    ("extra", "server_replay_extra"),
    ("ignore", "server_replay_ignore"),
)


def of(arguments: argparse.Namespace, **defaults: object) -> settings.Config:
    """Return the settings: the file's, under the `defaults` of the command, under the arguments.

    Without `--config`, `config.toml` in the configuration directory is read where there is one.

    Raises:
        ConfigError: a file, key or value is wrong.
    """
    given = {name: getattr(arguments, name, None) for name in _NAMES}
    given = {**defaults, **{name: value for name, value in given.items() if value is not None}}
    texts = getattr(arguments, "breakpoints", None)
    if texts:
        given["breakpoints"] = settings_of(texts)
    replay = {name: getattr(arguments, option, None) for name, option in _SERVER_REPLAY}
    if any(replay.values()):
        given["server_replay"] = {name: value for name, value in replay.items() if value is not None}
    file = file_of(arguments)
    config = settings.load(file, **given, tls=tls_options.given(arguments))
    endpoints(config)
    try:
        breakpoints_of(config)
        from_tables(config.message_rules)
    except SothError as error:
        raise ConfigError(f"{error} (in {file or 'the command line'})") from error
    if config.proto:
        from soth_mitm.cli.reflection import with_reflected
        from soth_mitm.record.schemas import prepared

        names = with_reflected(config.proto, verify=not config.insecure)
        config = msgspec.structs.replace(config, proto=prepared(names))
    if not config.confdir:
        return config
    # Other programs are told of files in there, and they may run in another directory.
    return msgspec.structs.replace(config, confdir=str(config.directory.absolute()))


def file_of(arguments: argparse.Namespace) -> Path | None:
    """Return the file of settings that is read; None where there is none."""
    named = getattr(arguments, "config", None)
    if named is not None:
        return Path(named).expanduser()
    directory = settings.Config(confdir=getattr(arguments, "confdir", None) or "").directory
    path = directory / "config.toml"
    return path if path.is_file() else None


def matcher(arguments: argparse.Namespace) -> Filter | None:
    """Return the row matcher of `--filter`.

    Raises:
        ConfigError: the expression is wrong; the text points at the place.
    """
    return _expression(getattr(arguments, "filter", None), "--filter")


def fail_on(arguments: argparse.Namespace) -> FailOn | None:
    """Return what looks for the flows of `--fail-on`; raises ConfigError as `matcher` does."""
    wanted = _expression(getattr(arguments, "fail_on", None), "--fail-on")
    if wanted is None:
        return None
    from soth_mitm.cli.tallying import FailOn

    return FailOn(wanted)


def _expression(text: str | None, option: str) -> Filter | None:
    if not text:
        return None
    from soth_mitm.policy.filters import FilterError, compile_filter

    try:
        return compile_filter(text)
    except FilterError as error:
        raise ConfigError(f"{option} {text!r}: {error}") from error
