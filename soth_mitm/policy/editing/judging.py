"""What an edit changes, with all that follows from it: made where it takes no one's time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from soth_mitm.policy.diff import DiffReport, compare, sample_of_draft

if TYPE_CHECKING:
    from soth_mitm.policy.editing.draft import Draft
    from soth_mitm.policy.editing.sheet import Finished


class Judged(msgspec.Struct, frozen=True):
    """What would be sent, compared with what came."""

    report: DiffReport
    note: str
    """What else followed, for the person; empty where nothing did."""


def judge(original: Draft, finishing: Callable[[], Finished]) -> Judged:
    """Finish a draft and compare it with the original. It can be called in another process."""
    made = finishing()
    return Judged(compare(sample_of_draft(original), sample_of_draft(made.draft)), made.note)
