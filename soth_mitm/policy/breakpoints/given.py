"""The breakpoints of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.errors import ConfigError
from soth_mitm.policy.breakpoints.breakpoint import Breakpoint, BreakpointError, check, parse
from soth_mitm.policy.breakpoints.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soth_mitm.config import BreakpointSetting, Config


def given(config: Config) -> tuple[Breakpoint, ...]:
    """Return what the settings hold.

    Raises:
        ConfigError: one of them cannot work; its text names it.
    """
    return tuple(_made(each) for each in config.breakpoints)


def _made(setting: BreakpointSetting) -> Breakpoint:
    made = Breakpoint(
        expression=setting.expression,
        stages=tuple(Stage(stage) for stage in setting.stages),
        name=setting.name,
        once=setting.once,
        enabled=setting.enabled,
        given=True,
    )
    try:
        check(made)
    except BreakpointError as error:
        raise ConfigError(f"settings: {error}") from error
    return made


def settings_of(texts: Iterable[str]) -> list[dict[str, object]]:
    """Return what `--break` was given, as a file of settings would hold it.

    Raises:
        ConfigError: one of them cannot be understood.
    """
    return [_read(text) for text in texts]


def _read(text: str) -> dict[str, object]:
    try:
        made = parse(text)
    except BreakpointError as error:
        raise ConfigError(f"--break {error}") from error
    return {"expression": made.expression, "stages": [stage.value for stage in made.stages]}
