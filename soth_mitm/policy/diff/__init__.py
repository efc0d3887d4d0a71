"""Differences between two messages, for a person: heads by field, JSON by path, text by line, bytes.

Pure, bounded in size and in steps, and free of what a terminal obeys. `compare` takes two `Sample`s and
gives a `DiffReport`, which the app and `soth-mitm replay` show alike; both can be pickled, so that large
ones are compared in a worker process.
"""

from __future__ import annotations

from soth_mitm.policy.diff.comparing import MOST_BYTES as MOST_BYTES
from soth_mitm.policy.diff.comparing import Sample as Sample
from soth_mitm.policy.diff.comparing import compare as compare
from soth_mitm.policy.diff.comparing import compare_exchanges as compare_exchanges
from soth_mitm.policy.diff.drafts import sample_of_draft as sample_of_draft
from soth_mitm.policy.diff.ignoring import DEFAULTS as DEFAULTS
from soth_mitm.policy.diff.ignoring import NOTHING as NOTHING
from soth_mitm.policy.diff.ignoring import Ignore as Ignore
from soth_mitm.policy.diff.ignoring import IgnoreError as IgnoreError
from soth_mitm.policy.diff.report import DiffLine as DiffLine
from soth_mitm.policy.diff.report import DiffReport as DiffReport
from soth_mitm.policy.diff.report import DiffSection as DiffSection
from soth_mitm.policy.diff.report import Kind as Kind
from soth_mitm.policy.diff.turns import MOST_TURN as MOST_TURN
from soth_mitm.policy.diff.turns import Side as Side
from soth_mitm.policy.diff.turns import answers_to as answers_to
from soth_mitm.policy.diff.turns import compare_last_turns as compare_last_turns
from soth_mitm.policy.diff.turns import compare_turns as compare_turns
from soth_mitm.policy.diff.turns import fingerprint_of as fingerprint_of
from soth_mitm.policy.diff.turns import links_of_side as links_of_side
