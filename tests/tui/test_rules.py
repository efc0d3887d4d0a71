"""Rules from run to run, and as a person types them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from soth_mitm.policy.rules import Rule, from_tables
from soth_mitm_tui.rulebook import Item, moved, placed
from soth_mitm_tui.ruleforms import ACTIONS, as_toml, fields_of, judge, table_of, texts_of
from soth_mitm_tui.state import State
from tests.tui.cases import toasts
from tests.tui.rules import TABLES, rules
from tests.tui.stage import stage


async def test_kept_rules_are_in_force_and_one_that_cannot_work_is_shown_and_kept() -> None:
    kept: list[dict[str, Any]] = [dict(TABLES[0]), {"name": "odd", "do": "teleport"}, dict(TABLES[3])]
    state = State()
    state.set("message_rules", "list", kept)
    async with stage(state=state) as staged:
        await staged.until(lambda: len(staged.control.debugger.rules) == 2)
        assert "1 kept rule cannot work" in toasts(staged)
        await staged.press("B", "tab", "j")
        assert "'teleport' is no action" in staged.shown()
        await staged.press("g", "k", "space")
        await staged.until(lambda: not staged.control.debugger.rules[0].rule.enabled)
        assert state.get("message_rules", "list", [])[1] == kept[1]


async def test_a_rule_of_the_settings_names_the_file_that_was_read() -> None:
    async with stage(settings=Path("/etc/proxies/shop.toml")) as staged:
        staged.control.debugger.rule_set.replace(rules()[:1], from_file=True)
        await staged.press("B", "tab", "space")
        assert "It stands in /etc/proxies/shop.toml" in staged.shown()
        assert "This stands in shop.toml" in toasts(staged)


def test_what_is_copied_is_read_back_as_the_same_rules() -> None:
    import tomllib

    text = as_toml([table_of(rule) for rule in rules()])
    assert from_tables(tomllib.loads(text)["message_rules"]) == rules()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.title)
def test_a_form_gives_the_rule_back_that_it_was_made_of(rule: Rule) -> None:
    table = table_of(rule)
    assert judge(table["do"], texts_of(table), rule).rule == rule


@pytest.mark.parametrize("name", ACTIONS)
def test_every_fault_of_a_form_stands_at_one_of_its_fields(name: str) -> None:
    keys = [field.key for field in fields_of(name)]
    for bad in ("", "-1", "(", "\0", "9999999", "9" * 5000, "~nobody-here/x", "http://[::1", "a\nb"):
        faults = judge(name, dict.fromkeys(keys, bad)).faults
        assert set(faults) <= {*keys, "when"}
    judged = judge(name, dict.fromkeys(keys, "\0") | {"when": "(host:"})
    assert judged.faults["when"].startswith("column ")
    assert "filter" not in judged.faults["when"], "the column is said once"
    alone = judge(name, {"when": "(host:"}).faults
    assert {"when"} <= set(alone)
    assert set(judge(name, dict.fromkeys(keys, "\0")).faults) <= set(judged.faults), "all that is wrong"


def test_rules_of_a_folder_stay_together() -> None:
    items = [Item(rule) for rule in rules()]
    order = placed(items, items[1]._replace(hits=9))
    assert [item.folder for item in order] == ["", "noise", "noise", "noise", ""]
    swapped = moved(items, 0, 1, whole=False)
    assert swapped is not None
    assert [item.folder for item in swapped] == ["noise", "noise", "", ""]
    assert moved(items, 1, -1, whole=False) is None
