"""Finding the repetitions in a regular expression that take for ever to fail, such as `(a+)+b`."""

from __future__ import annotations

import re
from typing import Final

_PIECE: Final = re.compile(
    r"""(?P<open>\((?:\?(?:P<\w+>|<?[=!]|[>:]|[a-zA-Z-]*:)?)?)|(?P<close>\))|(?P<bar>\|)"""
    r"""|(?P<empty>[\^$]|\\[AbBZ])|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.""",
    re.DOTALL,
)
_LOOKS: Final = frozenset(("(?=", "(?!", "(?<=", "(?<!"))
_REPEAT: Final = re.compile(r"([*+?]|\{(\d*)(,?)(\d*)\})([+?]?)")


class _Branch:
    """What was read of one way to match: whether what it needs is a repetition and nothing else."""

    def __init__(self) -> None:
        self.endless = False
        self.needed: list[bool] = []
        """For each element that has to match something, whether it goes on as long as it likes."""

    @property
    def splits(self) -> bool:
        """Whether a text that this matches many times over can be parted in many ways."""
        return self.endless and (not self.needed or self.needed == [True])


class _Group:
    def __init__(self, at: int, opening: str) -> None:
        self.at, self.opening = at, opening
        self.branches = [_Branch()]

    @property
    def splits(self) -> bool:
        if self.opening in _LOOKS or self.opening == "(?>":
            return False
        return any(branch.splits for branch in self.branches)

    @property
    def nullable(self) -> bool:
        return self.opening in _LOOKS or any(not branch.needed for branch in self.branches)


def endless_repeat(source: str) -> int | None:
    """Return where a group begins that repeats a repetition and nothing else; None where none does.

    `source` is an expression that compiles. That finds the usual cause of an expression that never
    comes to an end, not every one.
    """
    groups = [_Group(0, "")]
    at = 0
    while at < len(source):
        match = _PIECE.match(source, at)
        assert match is not None
        begun, at = at, match.end()
        if match["open"]:
            groups.append(_Group(begun, match["open"]))
        elif match["bar"]:
            groups[-1].branches.append(_Branch())
        else:
            group = groups.pop() if match["close"] and len(groups) > 1 else None
            repeat = _REPEAT.match(source, at)
            at = repeat.end() if repeat is not None else at
            least, endless = _times(repeat)
            if group is not None and endless and group.splits:
                return group.at
            nullable = group.nullable if group is not None else match["empty"] is not None
            endless = endless or (group is not None and group.splits)
            branch = groups[-1].branches[-1]
            branch.endless = branch.endless or endless
            if least and not nullable:
                branch.needed.append(endless)
    return None


def _times(repeat: re.Match[str] | None) -> tuple[int, bool]:
    """Return how often an element matches at least, and whether as often as it likes."""
    if repeat is None:
        return 1, False
    sign, low, comma, high, how = repeat.groups()
    least = 1 if sign == "+" else int(low or 0) if low is not None else 0
    endless = sign in ("*", "+") or (comma == "," and not high)
    return least, endless and how != "+"
