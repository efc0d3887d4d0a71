"""The filter language: one for the list, `--filter`, breakpoints, rules, dumps and replay.

Text goes through `lexer` and `parser` (or `tilde`, where it is written in mitmproxy's own way) to the
nodes of `nodes`; `compile_filter` turns those into a `Filter`, `explain` into a sentence. `fields` says
which fields there are, and everything that lists them, the docs page included, reads it there.
Everything here is pure: no row is read but the one that is handed in.
"""

from __future__ import annotations

from soth_mitm.policy.filters.complete import Completion, complete
from soth_mitm.policy.filters.deep import DeepTerm, Scope, SideOf
from soth_mitm.policy.filters.errors import FilterError
from soth_mitm.policy.filters.explain import explain
from soth_mitm.policy.filters.filter import Filter, compile_filter
from soth_mitm.policy.filters.line import after_path, before_path, line_of
from soth_mitm.policy.filters.matching import Searchable
from soth_mitm.policy.filters.quoting import negated, quoted, term_for

__all__ = [
    "Completion",
    "DeepTerm",
    "Filter",
    "FilterError",
    "Scope",
    "Searchable",
    "SideOf",
    "after_path",
    "before_path",
    "compile_filter",
    "complete",
    "explain",
    "line_of",
    "negated",
    "quoted",
    "term_for",
]
