"""The flow list as a tree: rows under what they have in common, with counts kept as rows come and go.

Groups stand in the order of their keys, the rows of a group in the order of the list. A group that
has lost its last row is gone.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm_tui.columns import host_name
from soth_mitm_tui.ordering import Key, Keys, Ordering

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row

_BLOCK: Final = 256
_LARGEST: Final = 2**62 - 1


class Grouping(NamedTuple):
    """A way to group: its name for the state, what it is called, and what a row belongs to."""

    id: str
    label: str
    key: Callable[[Row], tuple[Key, str]]
    """Returns what groups are told apart and ordered by, and what is shown of it."""


def _host(row: Row) -> tuple[Key, str]:
    name = host_name(row)
    return name, name or "no host"


def _client(row: Row) -> tuple[Key, str]:
    address = row.client.rpartition(":")[0]
    return address, address or "unknown client"


def _process(row: Row) -> tuple[Key, str]:
    return row.process, row.process or "unknown program"


def _conn(row: Row) -> tuple[Key, str]:
    return row.conn, f"connection {row.conn} from {row.client}"


GROUPINGS: Final = (
    Grouping("host", "by host", _host),
    Grouping("client", "by client", _client),
    Grouping("process", "by program", _process),
    Grouping("connection", "by connection", _conn),
)


class Group:
    """Rows that have something in common."""

    __slots__ = ("block", "bytes", "errors", "folded", "id", "key", "label", "rows")

    def __init__(self, number: int, key: Key, label: str, rows: Ordering, *, folded: bool) -> None:
        self.id = number
        """Greater than 0, and another one for each group of a list."""
        self.key, self.label, self.rows = key, label, rows
        self.folded = folded
        self.errors = 0
        self.bytes = 0
        """Payload in both directions."""
        self.block: list[Group] = []

    @property
    def height(self) -> int:
        """How many lines it takes."""
        return 1 if self.folded else 1 + len(self.rows)


class _Shares:
    """What each row adds to its group, by the row's number.

    Kept in flat lists: an object a row would have the collector of cycles walk through all of them.
    """

    __slots__ = ("_base", "_groups", "_sizes")

    def __init__(self, base: int) -> None:
        self._base = base
        self._groups: list[Group | None] = []
        self._sizes = array("q")

    def put(self, number: int, group: Group, row: Row) -> None:
        """Count a row in its group."""
        at = number - self._base
        if at >= len(self._groups):
            more = at + 1 - len(self._groups)
            self._groups.extend([None] * more)
            self._sizes.extend([0] * more)
        size = min(row.request_bytes + row.response_bytes, _LARGEST)
        self._groups[at] = group
        self._sizes[at] = size << 1 | row.error
        group.bytes += size
        group.errors += row.error

    def take(self, number: int) -> Group | None:
        """Take a row out of its group; return that."""
        at = number - self._base
        group = self.group(number)
        if group is not None:
            size = self._sizes[at]
            group.bytes -= size >> 1
            group.errors -= size & 1
            self._groups[at] = None
        return group

    def group(self, number: int) -> Group | None:
        """Return the group of a row, None where it has none."""
        at = number - self._base
        return self._groups[at] if 0 <= at < len(self._groups) else None

    def drop_below(self, number: int) -> None:
        """Forget the rows below `number`, which are in no group any more."""
        if number > self._base:
            del self._groups[: number - self._base], self._sizes[: number - self._base]
            self._base = number


class Tree:
    """Groups and the rows in them, by position. The caller keeps the keys of the rows' own order."""

    def __init__(self, grouping: Grouping, keys: Keys, folds: Folds) -> None:
        self._grouping, self._keys, self._folds = grouping, keys, folds
        self._groups: dict[Key, Group] = {}
        self._by_id: dict[int, Group] = {}
        self._blocks: list[list[Group]] = []
        self._heights: dict[int, int] = {}  # by id() of the block
        self._shares = _Shares(keys.base)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def count(self) -> int:
        """How many groups there are."""
        return len(self._groups)

    # --- rows

    def add(self, number: int, row: Row) -> None:
        """Put a row, which is not there, into its group."""
        key, label = self._grouping.key(row)
        group = self._groups.get(key)
        if group is None:
            group = self._new_group(key, label)
        group.rows.add(number)
        if not group.folded:
            self._grow(group, 1)
        self._shares.put(number, group, row)

    def remove(self, number: int) -> None:
        """Take out a row that is there."""
        group = self._shares.take(number)
        assert group is not None, "the row is in no group"
        group.rows.remove(number)
        if not group.folded:
            self._grow(group, -1)
        if not len(group.rows):
            self._drop_group(group)

    def update(self, number: int, row: Row) -> bool:
        """Count a row, whose place is still right, anew; return whether it is in its group."""
        group = self.group_of(number)
        if self._grouping.key(row)[0] != group.key:
            return False
        self._shares.take(number)
        self._shares.put(number, group, row)
        return True

    def drop_below(self, number: int) -> None:
        """Forget the rows below `number`, which were removed."""
        self._shares.drop_below(number)

    def shed(self) -> bool:
        """Give back some memory, when nothing is asked for any more; return False where none is left."""
        self._blocks.clear()
        for key, group in self._groups.items():
            if not group.rows.shed():
                del self._groups[key], self._by_id[group.id]
            break
        return bool(self._groups)

    # --- groups

    def _new_group(self, key: Key, label: str) -> Group:
        group = Group(
            self._folds.id_of(key), key, label, Ordering(self._keys), folded=self._folds.is_folded(key)
        )
        self._groups[key] = self._by_id[group.id] = group
        if not self._blocks:
            self._blocks.append([])
            self._heights[id(self._blocks[0])] = 0
        at = bisect_left(self._blocks, key, hi=len(self._blocks) - 1, key=lambda block: block[-1].key)
        block = self._blocks[at]
        block.insert(bisect_left(block, key, key=lambda other: other.key), group)
        group.block = block
        self._grow(group, 1)
        if len(block) > _BLOCK:
            self._split(at)
        return group

    def _split(self, at: int) -> None:
        block = self._blocks[at]
        moved = block[_BLOCK // 2 :]
        del block[_BLOCK // 2 :]
        self._blocks.insert(at + 1, moved)
        for group in moved:
            group.block = moved
        self._heights[id(block)] = sum(group.height for group in block)
        self._heights[id(moved)] = sum(group.height for group in moved)

    def _drop_group(self, group: Group) -> None:
        self._grow(group, -1)
        block = group.block
        block.remove(group)
        del self._groups[group.key], self._by_id[group.id]
        if not block:
            del self._heights[id(block)]
            self._blocks = [other for other in self._blocks if other]

    def _grow(self, group: Group, lines: int) -> None:
        self._heights[id(group.block)] += lines
        self._length += lines

    def group(self, number: int) -> Group | None:
        """Return the group with an id; None where it is gone."""
        return self._by_id.get(number)

    def group_of(self, number: int) -> Group:
        """Return the group of a row that is there."""
        group = self._shares.group(number)
        assert group is not None, "the row is in no group"
        return group

    def fold(self, group: Group, *, folded: bool) -> None:
        """Hide the rows of a group, or show them."""
        self._folds.set(group.key, folded)
        if folded != group.folded:
            group.folded = folded
            self._grow(group, -len(group.rows) if folded else len(group.rows))

    def fold_all(self, *, folded: bool) -> None:
        """Hide the rows of every group, or show them."""
        self._folds.set_all(folded)
        for block in self._blocks:
            for group in block:
                group.folded = folded
            self._heights[id(block)] = sum(group.height for group in block)
        self._length = sum(self._heights.values())

    @property
    def all_folded(self) -> bool:
        """Whether no row is in sight."""
        return self._length == len(self._groups)

    # --- positions

    def at(self, position: int) -> Group | int:
        """Return what stands at a position: a group, or the number of a row."""
        if not 0 <= position < self._length:
            raise IndexError(position)
        left = position
        for block in self._blocks:
            height = self._heights[id(block)]
            if left >= height:
                left -= height
                continue
            for group in block:
                if left < group.height:
                    return group.rows[left - 1] if left else group
                left -= group.height
        raise AssertionError("the heights of the blocks are wrong")

    def position_of_group(self, group: Group) -> int:
        """Return the position of a group's own line."""
        position = 0
        for block in self._blocks:
            if block is group.block:
                break
            position += self._heights[id(block)]
        for other in group.block:
            if other is group:
                break
            position += other.height
        return position

    def position(self, number: int) -> int | None:
        """Return the position of a row; None where it is not there or its group is folded."""
        group = self._shares.group(number)
        if group is None or group.folded:
            return None
        return self.position_of_group(group) + 1 + group.rows.position(number)


class Folds:
    """Which groups are folded, and their ids; outlives the trees of one grouping."""

    def __init__(self) -> None:
        self._ids: dict[Hashable, int] = {}
        self._others: set[Hashable] = set()
        self._all = True

    def id_of(self, key: Hashable) -> int:
        """Return the id of a group, the same one each time."""
        return self._ids.setdefault(key, len(self._ids) + 1)

    def is_folded(self, key: Hashable) -> bool:
        """Return whether a group is folded; at first all are."""
        return self._all != (key in self._others)

    def set(self, key: Hashable, folded: bool) -> None:
        """Fold a group, or unfold it."""
        (self._others.discard if folded == self._all else self._others.add)(key)

    def set_all(self, folded: bool) -> None:
        """Fold all groups, those to come as well, or unfold them."""
        self._all = folded
        self._others.clear()
