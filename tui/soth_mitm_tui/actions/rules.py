"""What can be done to the rules that act on messages."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import FLOW, MOVE, VIEW, Action

RULES: Final = "Rules"

RULES_FLOW_ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "flow.rule",
        "W",
        "rule from this",
        "Make a rule from this flow: mock it, map it to a file, block its host, set a field of its requests.",
        FLOW,
    ),
)

RULES_ACTIONS: Final[tuple[Action, ...]] = (
    Action("rules.add", "n", "new", "Make another rule.", RULES, show=True),
    Action("rules.edit", "enter,e", "change", "Change the rule; fold a folder.", RULES, show=True),
    Action(
        "rules.switch", "space", "on or off", "Switch the rule, or the folder, on or off.", RULES, show=True
    ),
    Action("rules.folder", "f", "folder", "Switch the whole folder of the rule on or off.", RULES, show=True),
    Action("rules.duplicate", "C", "duplicate", "Make another rule like this one.", RULES, show=True),
    Action("rules.delete", "d", "delete", "Delete the rule, or all of the folder.", RULES, show=True),
    Action("rules.undo", "u", "undo", "Put back what was deleted last.", RULES),
    Action("rules.later", "J,shift+down", "move down", "Ask the rule, or the folder, later.", RULES),
    Action("rules.earlier", "K,shift+up", "move up", "Ask the rule, or the folder, earlier.", RULES),
    Action("rules.copy", "y", "copy", "Copy the rule, or the folder, as TOML.", RULES, show=True),
    Action("rules.copy-all", "Y", "copy all", "Copy all rules of the app as TOML.", RULES),
    Action("rules.fold", "z", "fold", "Fold the folder, or unfold it.", RULES),
    Action("rules.tab", "tab", "breakpoints", "Show the breakpoints.", RULES, show=True),
    Action("rules.down", "j,down", "down", "Go to the next rule.", MOVE),
    Action("rules.up", "k,up", "up", "Go to the rule before.", MOVE),
    Action("rules.close", "escape,q,B", "back", "Go back.", MOVE, show=True),
)

RULE_ACTIONS: Final[tuple[Action, ...]] = (
    Action("rule.keep", "ctrl+s", "keep", "Keep the rule.", VIEW, show=True, priority=True),
    Action("rule.action", "f2", "action", "Choose another action; what is typed stays.", VIEW, show=True),
    Action("rule.complete", "f3", "complete", "Complete the path that is typed.", VIEW, show=True),
    Action("rule.switch", "space,right", "change", "Take the next choice of the field.", VIEW),
    Action("rule.down", "down", "down", "Go to the next field.", MOVE),
    Action("rule.up", "up", "up", "Go to the field before.", MOVE),
    Action(
        "rule.close",
        "escape",
        "back",
        "Go back; what is not kept yet asks for a second esc.",
        MOVE,
        show=True,
    ),
)
