"""Rules of all kinds, for pictures and tests."""

from __future__ import annotations

from soth_mitm.policy.rules import Rule, from_table
from tests.tui.debugging import Debugging

TABLES = (
    {
        "name": "staging",
        "when": "host:api.shop.test path:/v1",
        "do": "map-remote",
        "to": "http://localhost:3000/v2",
        "prefix": "/v1",
    },
    {"name": "no ads", "folder": "noise", "when": "host:ads.", "do": "block"},
    {"folder": "noise", "when": "host:cdn.", "do": "remove-field", "field": "x-debug-*", "enabled": False},
    {"name": "slow", "when": "path:/orders", "do": "delay", "seconds": 2},
)


def rules() -> tuple[Rule, ...]:
    """Return them."""
    return tuple(from_table(table, "a rule") for table in TABLES)


async def some_rules(debugger: Debugging) -> None:
    """Have a rule of the settings and four of the app, two of which have acted."""
    fresh = from_table({"name": "fresh", "do": "anti-cache"}, "a rule")
    debugger.rule_set.replace((fresh,), from_file=True)
    states = await debugger.set_rules(rules())
    for _ in range(1204):
        debugger.rule_set.hit(states[0].rule)
    debugger.rule_set.hit(states[2].rule)
