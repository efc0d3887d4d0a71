"""The pictures of README.md and docs/: each a screen of the app over a scripted run, as SVG.

`make screenshots` draws them all anew. Look at each one before it is committed.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Final, NamedTuple

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"

_FONT_FACES: Final = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


class Shot(NamedTuple):
    """A picture: its name, its size in cells, and the keys that lead to it."""

    name: str
    keys: tuple[str, ...]
    size: tuple[int, int] = (120, 36)
    theme: str = "soth-dark"
    paused: int = 0
    """Number of a flow that is paused; 0 for none."""
    rules: bool = False
    """Whether there are rules."""
    replays: bool = False
    """Whether it is of an order that is sent again, and answered otherwise the second time."""


_SIGNS: Final = {
    " ": "space", ":": "colon", "/": "slash", ".": "full_stop", "-": "minus", "=": "equals_sign",
}  # fmt: skip


def _typed(text: str) -> tuple[str, ...]:
    """Return the keys that type a text."""
    return tuple(_SIGNS.get(char, char) for char in text)


SHOTS: Final = (
    Shot("app", ("g", *"jjjjj", "3"), (150, 40)),
    Shot("filter", ("slash", *_typed("status:4xx or is:error"))),
    Shot("detail", ("g", *"jjjjj", "enter", "3", "right_curly_bracket", "enter", *["j"] * 14)),
    Shot("timing", ("G", "enter", "4")),
    Shot("copy", ("g", *"jjjj", "y")),
    Shot("tls", ("g", *"jjj", "enter"), (120, 30)),
    Shot("overview", ("O", "j"), (120, 40)),
    Shot("groups", ("v", "g", "j", "enter", "j")),
    Shot("editor", ("g", "e", "down", "down", "end", "0"), (100, 20), paused=1),
    Shot("editor-changes", ("g", "e", "down", "down", "end", "0", *["f6"] * 3), (120, 20), paused=1),
    Shot("breakpoint", ("g", *"jjjj", "b"), (100, 26)),
    Shot("paused", ("g", "p"), (120, 30), paused=1),
    Shot("diff", ("g", "r", "D", "n", "n"), (120, 20), replays=True),
    Shot("replay-several", ("g", "ctrl+r"), (92, 18), replays=True),
    Shot("replay-results", ("g", "ctrl+r", "6", "enter", "j", "j"), (100, 16), replays=True),
    Shot("compose", ("N", *_typed("curl https://api.shop.test/orders -kd qty=3")), (92, 22), replays=True),
    Shot("rules", ("B", "tab", "j"), (120, 26), rules=True),
    Shot("rule", ("B", "tab", "j", "enter"), (120, 26), rules=True),
    Shot("light", ("g", *"jjjjj", "3"), theme="soth-light"),
)


def self_contained(svg: str) -> str:
    """Return a picture that fetches nothing, and in which blanks at the start of a span count."""
    return _FONT_FACES.sub("", svg).replace("<svg ", '<svg xml:space="preserve" ', 1)


async def draw(shot: Shot) -> str:
    """Return one picture."""
    from soth_mitm_tui.state import State
    from tests.tui.cases_comparing import order_again, orders
    from tests.tui.rules import some_rules
    from tests.tui.script import Script
    from tests.tui.stage import stage

    state = State()
    state.set("look", "theme", shot.theme)
    scene = orders if shot.replays else Script.everyday
    async with stage(scene, size=shot.size, state=state) as staged:
        staged.control.answers = order_again()
        if shot.paused:
            staged.control.debugger.pause(shot.paused)
        if shot.rules:
            await some_rules(staged.control.debugger)
        for key in shot.keys:
            await staged.press(key)
            if shot.replays:
                await staged.app.workers.wait_for_complete()
        staged.app.clear_notifications()
        await staged.pilot.pause()
        return self_contained(staged.app.export_screenshot(title="soth-mitm"))


def main() -> None:
    """Draw every picture."""
    os.environ["TZ"] = "UTC"
    for shot in SHOTS:
        path = IMAGES / f"{shot.name}.svg"
        path.write_text(asyncio.run(draw(shot)), encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(Path.cwd())}\n")


if __name__ == "__main__":
    main()
