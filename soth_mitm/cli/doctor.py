"""`soth-mitm doctor`: check what the proxy needs, and send requests through one; or look at a server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import msgspec

from soth_mitm.cli import settings
from soth_mitm.core import run
from soth_mitm.model.checks import Check, Health

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator

    from soth_mitm.config import Config

EXIT_FAILED: Final = 1
_SIGNS: Final = {Health.OK: "✓", Health.WARNING: "▲", Health.FAILED: "✕"}


def command(arguments: argparse.Namespace) -> int:
    """Print each check as it is done; return 1 where one failed."""
    config = settings.of(arguments)
    return run(_main(_source(config, arguments.probe), as_json=arguments.format == "json"))


def _source(config: Config, probed: str | None) -> AsyncIterator[Check]:
    if probed is not None:
        from soth_mitm.cli.checkup.probing import probing, target_of

        return probing(config, *target_of(probed))
    from soth_mitm.cli.checkup.checkup import checkup

    return checkup(config)


async def _main(source: AsyncIterator[Check], *, as_json: bool) -> int:
    checks: list[Check] = []
    async for check in source:
        checks.append(check)
        if not as_json:
            sys.stdout.write(text_of(check))
            sys.stdout.flush()
    if as_json:
        sys.stdout.write(msgspec.json.encode(checks).decode() + "\n")
    return EXIT_FAILED if any(check.health == Health.FAILED for check in checks) else 0


def text_of(check: Check) -> str:
    """Return a check as one line, and a second one for the advice."""
    line = f"{_SIGNS[check.health]} {check.health:<8} {check.name:<15} {check.found}\n"
    return line + (f"{' ' * 27}→ {check.advice}\n" if check.advice else "")
