"""The actions on rules."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from soth_mitm.policy.rules import Rule, to_table
from soth_mitm.policy.rules.actions import AntiCache, Block, MapLocal, Mock, SetField
from soth_mitm_tui.actions import Action
from soth_mitm_tui.screens.breakpoints import BreakpointsScreen
from soth_mitm_tui.screens.picker import PickerScreen
from soth_mitm_tui.screens.rule import RuleScreen
from soth_mitm_tui.screens.rules import RulesScreen
from tests.tui.cases import CASES, case, toasts
from tests.tui.stage import Stage

__all__ = ["CASES"]

SOME = (
    Rule(action=Block(), name="ads", expression="host:ads."),
    Rule(action=AntiCache(), name="fresh", folder="noise"),
    Rule(action=SetField(field="x-a", value="1"), name="field", folder="noise"),
)


async def listed(staged: Stage, *keys: str) -> RulesScreen:
    """Have three rules, two of them in a folder, and show them."""
    await staged.control.debugger.set_rules(SOME)
    staged.app.state.set("message_rules", "list", [to_table(rule) for rule in SOME])
    await staged.press("B", "tab")
    screen = staged.screen
    assert isinstance(screen, RulesScreen)
    await staged.press(*keys)
    return screen


def names(staged: Stage) -> list[str]:
    """Return the names of the rules in their order."""
    return [state.rule.name for state in staged.control.debugger.rules]


def kept(staged: Stage) -> list[str]:
    """Return the names of the rules that the state keeps."""
    tables: list[dict[str, str]] = staged.app.state.get("message_rules", "list", [])
    return [table.get("name", "") for table in tables]


async def none(staged: Stage) -> None:
    """Have no rule."""
    await staged.control.debugger.set_rules(())
    staged.app.state.set("message_rules", "list", None)


async def form(staged: Stage, letter: str = "e") -> RuleScreen:
    """Begin a rule of an action."""
    await none(staged)
    await staged.press("B", "tab", "n")
    await staged.press(letter)
    await staged.until(lambda: isinstance(staged.screen, RuleScreen))
    screen = staged.screen
    assert isinstance(screen, RuleScreen)
    return screen


@case("breakpoints.tab")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("B", key)
    assert isinstance(staged.screen, RulesScreen)
    assert "No rule is there" in staged.shown()


@case("rules.tab")
async def _(staged: Stage, action: Action, key: str) -> None:
    await listed(staged, key)
    assert isinstance(staged.screen, BreakpointsScreen)


@case("rules.add")
async def _(staged: Stage, action: Action, key: str) -> None:
    await none(staged)
    await staged.press("B", "tab", key)
    assert "Refuse the request" in staged.shown()
    await staged.press("e")
    await staged.until(lambda: isinstance(staged.screen, RuleScreen))
    await staged.press("ctrl+s")
    await staged.until(lambda: [state.rule.action for state in staged.control.debugger.rules] == [Block()])
    assert isinstance(staged.screen, RulesScreen)
    assert len(kept(staged)) == 1


@case("rules.edit")
async def _(staged: Stage, action: Action, key: str) -> None:
    await listed(staged, key)
    assert isinstance(staged.screen, RuleScreen)
    await staged.press("backspace", "4", "ctrl+s")
    await staged.until(lambda: staged.control.debugger.rules[0].rule.action == Block(status=404))
    assert staged.control.debugger.rules[0].rule.expression == "host:ads."


@case("rules.switch")
async def _(staged: Stage, action: Action, key: str) -> None:
    await listed(staged, key)
    await staged.until(lambda: not staged.control.debugger.rules[0].rule.enabled)
    await staged.press("j", key)
    await staged.until(lambda: not any(state.rule.enabled for state in staged.control.debugger.rules))
    assert "2 rules, off" in staged.shown()


@case("rules.folder")
async def _(staged: Stage, action: Action, key: str) -> None:
    await listed(staged, "j", "j", "j", key)
    await staged.until(
        lambda: [state.rule.enabled for state in staged.control.debugger.rules] == [True, False, False]
    )


@case("rules.duplicate")
async def _(staged: Stage, action: Action, key: str) -> None:
    await listed(staged, "j", "j", key)
    await staged.press("ctrl+s")
    await staged.until(lambda: names(staged) == ["ads", "fresh", "field", "fresh copy"])
    assert kept(staged) == names(staged)


@case("rules.delete")
async def _(staged: Stage, action: Action, key: str) -> None:
    await listed(staged, "j", key)
    await staged.until(lambda: names(staged) == ["ads"])
    assert "2 rules deleted" in toasts(staged)
    assert kept(staged) == ["ads"]


@case("rules.undo")
async def _(staged: Stage, action: Action, key: str) -> None:
    await listed(staged, "j", "d")
    await staged.until(lambda: names(staged) == ["ads"])
    await staged.press(key)
    await staged.until(lambda: names(staged) == ["ads", "fresh", "field"])


@case("rules.later")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await listed(staged, key)
    await staged.until(lambda: names(staged) == ["fresh", "field", "ads"])
    await staged.until(lambda: screen.list.cursor == 3)


@case("rules.earlier")
async def _(staged: Stage, action: Action, key: str) -> None:
    await listed(staged, "j", "j", "j", key)
    await staged.until(lambda: names(staged) == ["ads", "field", "fresh"])
    await staged.press(key)
    assert "a folder moves as a whole" in toasts(staged)


@case("rules.copy")
async def _(staged: Stage, action: Action, key: str) -> None:
    await listed(staged, key)
    await staged.until(lambda: "ule as TOML" in toasts(staged))


@case("rules.copy-all")
async def _(staged: Stage, action: Action, key: str) -> None:
    await listed(staged, key)
    await staged.until(lambda: "3 rules as TOML" in toasts(staged))


@case("rules.fold")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await listed(staged, "j", "j", key)
    assert [row.item is None for row in screen.list.rows] == [False, True]
    await staged.press(key)
    assert len(screen.list.rows) == 4


@case("rules.down")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await listed(staged, key)
    assert screen.list.cursor == 1


@case("rules.up")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await listed(staged, "j", "j", key)
    assert screen.list.cursor == 1


@case("rules.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    await listed(staged, key)
    assert staged.screen is staged.main


# --- one rule


@case("rule.keep")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await form(staged, "f")
    await staged.press(key)
    assert "Not kept: field: it is needed" in staged.shown()
    await staged.type("x a")
    assert "is no field name" in staged.shown()
    await staged.press("backspace", "backspace", key)
    await staged.until(lambda: staged.screen is not screen)
    assert staged.control.debugger.rules[0].rule.action == SetField(field="x", value="")


@case("rule.action")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await form(staged, "f")
    await staged.type("x-a")
    await staged.press(key)
    assert isinstance(staged.screen, PickerScreen)
    await staged.press("g")
    await staged.until(lambda: staged.screen is screen and "remove-field" in staged.shown())
    assert screen.texts["field"] == "x-a"


@case("rule.complete")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await form(staged, "b")
    await staged.type("/etc/host")
    with TemporaryDirectory() as folder:
        Path(folder, "page.html").touch()
        screen.query_one("#rule-path").value = f"{folder}/pa"  # type: ignore[attr-defined]
        await staged.press(key)
        await staged.until(lambda: screen.texts["path"] == f"{folder}/page.html")


@case("rule.switch")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await form(staged, "g")
    await staged.press("tab", key)
    assert screen.texts["on"] == "response"


@case("rule.down")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await form(staged, "f")
    await staged.press(key)
    assert screen.focused is screen.query_one("#rule-value")


@case("rule.up")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await form(staged, "f")
    await staged.press("down", key)
    assert screen.focused is screen.query_one("#rule-field")


@case("rule.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await form(staged, "f")
    await staged.type("x")
    await staged.press(key)
    assert staged.screen is screen, "what is typed is not lost by one key"
    assert "Not kept yet" in staged.shown()
    await staged.press(key)
    assert isinstance(staged.screen, RulesScreen)


# --- from a flow


@case("flow.rule")
async def _(staged: Stage, action: Action, key: str) -> None:
    with TemporaryDirectory() as folder:
        staged.app.config = msgspec.structs.replace(staged.app.config, confdir=folder)
        for letter in "mlbs":
            await staged.press("g", key)
            await staged.press(letter)
            await staged.until(lambda: isinstance(staged.screen, RuleScreen))
            if letter == "s":
                await staged.type("x-a")
            await staged.press("ctrl+s")
            await staged.until(lambda: staged.screen is staged.main)
        mock, local, block, field = (state.rule for state in staged.control.debugger.rules)
        assert isinstance(mock.action, Mock)
        assert mock.action.body == "x" * 100
        assert isinstance(local.action, MapLocal)
        assert Path(local.action.path).read_bytes() == b"x" * 100
        assert (block.action, block.expression) == (Block(), "host:=api.shop.test")
        assert field.expression == mock.expression
        assert "/item/0" in mock.expression
