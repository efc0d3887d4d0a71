"""`soth-mitm env`: print the environment for clients of a running proxy."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.cli import environ
from soth_mitm.cli.output import say
from soth_mitm.errors import ConfigError

if TYPE_CHECKING:
    import argparse


class Running(NamedTuple):
    """A proxy that runs now, as it told of itself."""

    pid: int
    url: str
    """What clients use, without the user and password that it may want."""
    confdir: Path
    auth: bool = False
    """It wants them."""

    @property
    def port(self) -> int:
        """The port of the URL."""
        return int(self.url.rpartition(":")[2])


def command(arguments: argparse.Namespace) -> int:
    """Print `export` lines, or `unset` lines."""
    if arguments.unset:
        names = environ.variables("", ca=Path(), bundle=Path())
        sys.stdout.write("".join(f"unset {name}\n" for name in names))
        return 0
    proxy = _choose(arguments.listen_port)
    ca = proxy.confdir / "ca.pem"
    try:
        bundle = environ.write_bundle(proxy.confdir, ca.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read the CA of that proxy, {ca}: {error.strerror or error}") from error
    if proxy.auth:
        say(f"{proxy.url} wants a user and password: put them before the host, as USER:PASSWORD@")
    wanted = environ.variables(proxy.url, ca=ca, bundle=bundle)
    sys.stdout.write("".join(f"export {name}={shlex.quote(value)}\n" for name, value in wanted.items()))
    return 0


def _choose(port: int | None) -> Running:
    found = [each for each in running() if port in (None, each.port)]
    if not found:
        which = f"on port {port} " if port is not None else ""
        raise ConfigError(
            f"no running soth-mitm {which}was found; start one, or use: soth-mitm run -- COMMAND"
        )
    if len(found) > 1:
        ports = ", ".join(str(each.port) for each in found)
        raise ConfigError(f"several are running (ports {ports}); choose one with --listen-port")
    return found[0]


def running() -> list[Running]:
    """Return the proxies that run now; the files of dead ones are removed."""
    from soth_mitm.cli.running import running_directory

    found = []
    for path in sorted(running_directory().glob("*.json")):
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            each = Running(
                int(facts["pid"]), str(facts["url"]), Path(facts["confdir"]), bool(facts.get("auth"))
            )
            since = path.stat().st_mtime
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if _lives(each.pid, since):
            found.append(each)
        else:
            path.unlink(missing_ok=True)
    return found


def _lives(pid: int, since: float) -> bool:
    """Return whether the process that wrote its file at `since` runs; numbers are used again."""
    import psutil  # type: ignore[import-untyped]

    try:
        return bool(psutil.Process(pid).create_time() <= since + 1)
    except psutil.Error:
        return False
