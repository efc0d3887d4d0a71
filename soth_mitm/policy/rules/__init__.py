"""Rules that act on messages without code: pure, with no socket and no clock.

`actions` says what can be done, `rule` what a rule is and whether it can work, `reading` how one is
written in TOML, `chosen` keeps all of them; `heads`, `local`, `replacing` and `sticky` are how the
actions work.
"""

from __future__ import annotations

from soth_mitm.policy.rules.actions import Action, described, name_of
from soth_mitm.policy.rules.chosen import RuleSet, RuleState
from soth_mitm.policy.rules.reading import from_table, from_tables, to_table
from soth_mitm.policy.rules.rule import Rule, RuleError, check

__all__ = [
    "Action",
    "Rule",
    "RuleError",
    "RuleSet",
    "RuleState",
    "check",
    "described",
    "from_table",
    "from_tables",
    "name_of",
    "to_table",
]
