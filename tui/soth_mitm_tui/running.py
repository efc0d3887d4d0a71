"""Run the app on the loop of whoever called, from what it remembers to what it leaves."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm_tui.app import SothApp
from soth_mitm_tui.keymap import FILE as KEYS_FILE
from soth_mitm_tui.keymap import load as load_keymap
from soth_mitm_tui.state import FILE as STATE_FILE
from soth_mitm_tui.state import State

if TYPE_CHECKING:
    from pathlib import Path

    from soth_mitm.config import Config
    from soth_mitm.record.store import Store
    from soth_mitm_tui.app import Doctor, Probe
    from soth_mitm_tui.control import Control
    from soth_mitm_tui.reading import Reading

_log = logging.getLogger("soth_mitm.app")


class Outcome(NamedTuple):
    """How the app ended."""

    failure: Exception | None
    """The error that ended it; None where the person did."""
    drained: bool
    """Whether the proxy was drained before."""


async def run_app(
    store: Store,
    control: Control,
    *,
    config: Config,
    title: str = "soth-mitm",
    light: bool = False,
    reading: Reading | None = None,
    remember: bool = True,
    doctor: Doctor | None = None,
    probe: Probe | None = None,
    settings: Path | None = None,
) -> Outcome:
    """Run the app on the caller's loop until it ends; never raises for a fault of the app.

    The caller has bound the port and started the proxy before, and stops it after; with `reading`,
    it looks at a file that the caller has read meanwhile. Without `remember`, what the app remembers
    is read and not written; `settings` is the file that `config` was read from. Where `failure` is
    set, it says what happened and where the record is.
    """
    state = State(config.directory / STATE_FILE, writes=remember)
    keymap = load_keymap(config.directory / KEYS_FILE)
    app = SothApp(
        store,
        control,
        config=config,
        title=title,
        light=light,
        state=state,
        keymap=keymap,
        reading=reading,
        doctor=doctor,
        probe=probe,
        settings=settings,
        warm_up=True,
    )
    try:
        await app.run_async()
    except Exception as error:
        _log.error("the app failed", exc_info=error)
        app.failure = app.failure or error
    finally:
        if control.debugger is not None:
            await control.debugger.detach()  # nobody is there any more to decide about what is paused
        await state.close()
    return Outcome(app.failure, app.drained)
