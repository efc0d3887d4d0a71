"""Whether an expression can be so at a stage at all: a request on its way has no status yet."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from soth_mitm.policy.breakpoints.stage import MESSAGES, REQUESTS, RESPONSES, Stage
from soth_mitm.policy.filters.matching import Leaf, Tree
from soth_mitm.policy.subject import Subject

if TYPE_CHECKING:
    from soth_mitm.policy.filters import Filter

_OF_REQUEST: Final = frozenset((
    "scheme", "host", "port", "method", "path", "content_type", "version", "sni", "ja4", "client", "process",
    "intercepted", "modified",
))  # fmt: skip
_OF_RESPONSE: Final = _OF_REQUEST | {"status", "state", "generated"}
_OF_MESSAGE: Final = _OF_RESPONSE | {"form"}
_KNOWN: Final = {
    **dict.fromkeys(REQUESTS, _OF_REQUEST),
    **dict.fromkeys(RESPONSES, _OF_RESPONSE),
    **dict.fromkeys(MESSAGES, _OF_MESSAGE),
}
"""What differs from message to message at a stage; all else is as in a message that has just begun."""


def can_match(wanted: Filter, stage: Stage) -> bool:
    """Whether any message could be meant at this stage."""
    return _value(wanted.tree, _KNOWN[stage]) is not False


def _value(tree: Tree, known: frozenset[str]) -> bool | None:
    """Return what an expression always is; None where that depends on the message."""
    if isinstance(tree, bool):
        return tree or None  # a part that may be so
    if isinstance(tree, Leaf):
        return None if tree.attributes & known else tree.test(_bare())
    how, parts = tree
    values = [_value(part, known) for part in parts]
    if how == "not":
        return None if values[0] is None else not values[0]
    decides = how == "any"
    if decides in values:
        return decides
    return None if None in values else not decides


@cache
def _bare() -> Subject:
    return Subject(scheme="", host="", port=0, method=b"", target=b"", version="", raw=b"")
