"""All rules of a proxy, and what they keep between messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import Notice, RuleApplied
from soth_mitm.net.ruling.part import RulePart
from soth_mitm.net.ruling.replaying import ReplayPart
from soth_mitm.net.serving.recorded import Recordings
from soth_mitm.policy.rules import RuleSet, name_of
from soth_mitm.policy.rules import actions as a
from soth_mitm.policy.rules.sticky import Sticky
from soth_mitm.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soth_mitm.config import ServerReplay
    from soth_mitm.net.chain import Part
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
        self._rule_parts: tuple[RulePart, ...] = ()
        self._recordings: Recordings | None = None

    def replace(self, rules: Sequence[Rule], *, from_file: bool = False) -> None:
        """Use other rules from now on, of the settings' file or of the app.

        Raises:
            RuleError: one of them cannot work; nothing has changed.
        """
        self.rules.replace(rules, from_file=from_file)
        self._rule_parts = tuple(RulePart(self, rule) for rule in self.rules.enabled)
        self.shared.chain_changed()

    async def replay(self, settings: ServerReplay) -> None:
        """Give recorded answers from now on, or none where no dump is named.

        Raises:
            ReplayRuleError, DumpError: the settings or a dump cannot be used; nothing has changed.
        """
        recordings = Recordings(settings) if settings.files else None
        said = await recordings.load() if recordings is not None else []
        old, self._recordings = self._recordings, recordings
        self.shared.chain_changed()
        for text in said:
            self.shared.bus.publish(Notice("info", printable(f"server replay: {text}", 300)))
        if old is not None:
            await old.close()

    async def close(self) -> None:
        """Close the dumps."""
        if self._recordings is not None:
            await self._recordings.close()

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the chain, in their order."""
        if self._recordings is None:
            return self._rule_parts
        return (*self._rule_parts, ReplayPart(self.shared, self._recordings))

    @property
    def offline(self) -> bool:
        """Whether no upstream is to be reached at all."""
        return self._recordings is not None and self._recordings.settings.extra == "fail"

    @property
    def answers_for_upstreams(self) -> bool:
        """Whether a request may be answered though its upstream cannot be reached."""
        return self._recordings is not None or any(
            isinstance(part.rule.action, _IN_ITS_PLACE) for part in self._rule_parts
        )

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
