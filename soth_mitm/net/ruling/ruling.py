"""All rules of a proxy, and what they keep between messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import RuleApplied
from soth_mitm.net.ruling.part import RulePart
from soth_mitm.policy.rules import RuleSet, name_of
from soth_mitm.policy.rules import actions as a
from soth_mitm.policy.rules.sticky import Sticky

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.rules import Rule

_IN_ITS_PLACE = (a.MapRemote, a.RedirectHost, a.MapLocal, a.Mock)


class Ruling:
    """Keeps the rules, makes parts of the chain of them, and counts what they do."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.rules = RuleSet()
        self.sticky = Sticky(shared.config.limits.sticky_values)
        self.parts: tuple[RulePart, ...] = ()

    def replace(self, rules: Sequence[Rule], *, from_file: bool = False) -> None:
        """Use other rules from now on, of the settings' file or of the app.

        Raises:
            RuleError: one of them cannot work; nothing has changed.
        """
        self.rules.replace(rules, from_file=from_file)
        self.parts = tuple(RulePart(self, rule) for rule in self.rules.enabled)
        self.shared.chain_changed()

    @property
    def offline(self) -> bool:
        """Whether no upstream is to be reached at all."""
        return False

    @property
    def answers_for_upstreams(self) -> bool:
        """Whether a request may be answered though its upstream cannot be reached."""
        return any(isinstance(part.rule.action, _IN_ITS_PLACE) for part in self.parts)

    def applied(self, rule: Rule, flow: FlowLife, detail: str = "") -> None:
        """Count and tell that a rule has acted on a flow."""
        self.rules.hit(rule)
        if not flow.closed:
            flow.emit(RuleApplied(rule.title, name_of(rule.action), detail))

    def remembered(self) -> None:
        """Count what went from what is remembered because there was too much."""
        sticky = self.sticky
        if sticky.dropped:
            sticky.dropped = 0
            self.shared.counters.hit("sticky_values")
