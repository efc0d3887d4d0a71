"""The app over a scripted run, for tests and previews."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

from soth_mitm.config import Config
from soth_mitm.errors import ReplayError
from soth_mitm.model import events as e
from soth_mitm.model.checks import Check, Health
from soth_mitm.model.limits import Usage
from soth_mitm.policy.editing import RequestDraft
from soth_mitm.policy.learning import Learned
from soth_mitm.record.resending import Resend
from soth_mitm.record.store import Store
from soth_mitm_tui.app import SothApp
from soth_mitm_tui.keymap import Keymap
from soth_mitm_tui.screens.main import MainScreen
from soth_mitm_tui.state import State
from tests.tui.debugging import Debugging
from tests.tui.resending import Answer, Replaying
from tests.tui.script import Script


@dataclass
class Control:
    """A proxy that remembers what it was asked to do."""

    killed: list[int] = field(default_factory=list)
    drains: list[float] = field(default_factory=list)
    left_paused: str = ""
    """What was to become of paused messages, when the proxy was drained."""
    said: list[tuple[int, str | None, str | None, str | None]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    passed: tuple[tuple[Learned, float], ...] = ()
    used: Usage = field(default_factory=lambda: Usage({}, {}))
    captures: list[bool] = field(default_factory=list)
    script: Script | None = None
    stuck: bool = False
    answers: list[Answer] = field(default_factory=lambda: [Answer()] * 8)
    replays: list[Replaying] = field(default_factory=list)
    refusal: str = ""
    debugger: Debugging = field(default_factory=Debugging)

    async def replay(
        self,
        what: Resend | RequestDraft,
        /,
        *,
        times: int = 1,
        concurrency: int = 1,
        timeout: float | None = None,
        gaps: bool = False,
    ) -> Replaying:
        """Begin a replay; its attempts begin and end at once, with `answers`, unless those are used up."""
        assert self.script is not None
        if self.refusal:
            raise ReplayError(self.refusal)
        made = Replaying(self.script, what, times, concurrency=concurrency, timeout=timeout, gaps=gaps)
        self.replays.append(made)
        for number in range(1, times + 1):
            if not self.answers:
                break
            made.begin(number)
            made.end(number, self.answers.pop(0))
        return made

    async def drain(self, deadline: float, /, *, paused: str) -> None:
        """Remember the deadline; there is nothing to wait for, unless it is `stuck`."""
        self.drains.append(deadline)
        self.left_paused = paused
        if self.stuck:
            await asyncio.Event().wait()

    async def kill(self, flow: int, /) -> bool:
        """Remember the flow."""
        self.killed.append(flow)
        return True

    async def forget_passthrough(self, host: str, /) -> bool:
        """Remember the host."""
        self.forgotten.append(host)
        return any(learned.host == host for learned, _ in self.passed)

    async def passed_through(self) -> tuple[tuple[Learned, float], ...]:
        """Return what the test has set."""
        return self.passed

    async def usage(self) -> Usage:
        """Return what the test has set."""
        return self.used

    async def capture(self, on: bool, /) -> None:
        """Remember what was asked for, and tell it as the proxy does."""
        self.captures.append(on)
        if self.script is not None:
            self.script.publish(e.CaptureSwitched(on, 0 if not on else 3))

    async def annotate(
        self, flow: int, *, mark: str | None = None, comment: str | None = None, colour: str | None = None
    ) -> None:
        """Remember what is said."""
        self.said.append((flow, mark, comment, colour))


CONFIG = Config()


async def doctor(config: Config) -> AsyncIterator[Check]:
    """Find that all is well, but for one thing."""
    yield Check("CA", Health.OK, "EC P-256, valid until 2035-01-01")
    yield Check(
        "open files", Health.WARNING, "only 256 files may be open; a tunnel takes six", "ulimit -n 4096"
    )


async def probe(config: Config, host: str, port: int) -> AsyncIterator[Check]:
    """Find that a server is trusted."""
    yield Check("trust", Health.OK, f"{host} port {port} is met with TLSv1.3, and trusted")


class Stage:
    """A running app over a scripted run."""

    def __init__(
        self, script: Script, store: Store, control: Control, app: SothApp, pilot: Pilot[None]
    ) -> None:
        self.script, self.store, self.control = script, store, control
        self.app, self.pilot = app, pilot

    @property
    def main(self) -> MainScreen:
        """The main screen."""
        return self.app.main

    @property
    def screen(self) -> Screen[object]:
        """The screen that is on top."""
        return self.app.screen

    async def settle(self) -> None:
        """Wait until the app shows what the store holds, its bars included, without waiting for its tick."""
        self.store.catch_up()
        self.app._tick()
        await self.until(self._settled)
        self.app._tick()
        await self.pilot.pause()

    def _settled(self) -> bool:
        main, detail = self.main, self.main.detail
        return (
            main.model.in_step
            and not main.model.scanning
            and not main.model.arranging
            and (detail.showing == detail.flow or not detail.display)
            and not detail.loading_now
        )

    async def until(self, condition: Callable[[], object], *, seconds: float = 10.0) -> None:
        """Wait for a condition, up to a deadline."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "the app did not get there in time"
            await self.pilot.pause(0.004)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        """Press keys, and wait for what they do."""
        for key in keys:
            await self.pilot.press(key)
            if key.isdigit():  # another page, which has to be there for the keys that follow
                await self.settle()
        await self.settle()

    async def keys(self, *keys: str) -> None:
        """Press keys in a screen over the main one, which needs not come up to date for them."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Type a text."""
        names = {
            " ": "space",
            "/": "slash",
            "!": "exclamation_mark",
            "(": "left_parenthesis",
            ")": "right_parenthesis",
            ".": "full_stop",
            "$": "dollar_sign",
        }
        await self.press(*(names.get(char, char) for char in text))

    def shown(self, widget: Widget | None = None) -> str:
        """Return the text on the screen, or of one widget, line by line."""
        region = (widget or self.app.screen).region
        lines = self.app.screen._compositor.render_strips()
        return "\n".join(
            strip.crop(region.x, region.right).text.rstrip() for strip in lines[region.y : region.bottom]
        )


@asynccontextmanager
async def stage(
    scene: Callable[[Script], object] = lambda script: script.everyday(),
    *,
    size: tuple[int, int] = (120, 40),
    light: bool = False,
    state: State | None = None,
    keymap: Keymap | None = None,
    config: Config = CONFIG,
    settings: Path | None = None,
) -> AsyncIterator[Stage]:
    """Run the app over a scene that has been played."""
    script = Script()
    control = Control(script=script)
    store = Store.live(script.bus, run_id="run-1", limits=config.limits)
    script.session()
    scene(script)
    store.catch_up()
    app = SothApp(
        store,
        control,
        config=config,
        settings=settings,
        clock=script.clock,
        light=light,
        state=state,
        keymap=keymap,
        local_clipboard=False,
        doctor=doctor,
        probe=probe,
    )
    try:
        async with app.run_test(size=size) as pilot:
            staged = Stage(script, store, control, app, pilot)
            await staged.until(lambda: app.main.is_mounted)
            await staged.settle()
            yield staged
    finally:
        await store.close()
