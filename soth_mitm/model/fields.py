"""Header and trailer fields: an ordered multi-map over the bytes as they were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Fields:
    """Fields of one section in wire order, raw case kept, duplicates kept.

    Look-ups ignore case (RFC 9110 section 5.1). Values are bytes: they need not be UTF-8.
    """

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._items = tuple(items)

    @classmethod
    def parse(cls, section: bytes) -> Fields:
        """Read the field lines of a section that a relay has already judged; never raises.

        `section` may be a whole head (its first line is not a field and must be cut off by the
        caller) or a trailer section. A line without a colon is kept with an empty value; a folded
        line (obs-fold) is joined to the one before with a space.
        """
        items: list[tuple[bytes, bytes]] = []
        for line in section.replace(b"\r\n", b"\n").split(b"\n"):
            if not line:
                continue
            if line[:1] in b" \t" and items:
                name, value = items[-1]
                items[-1] = (name, value + b" " + line.strip(b" \t"))
                continue
            name, _, value = line.partition(b":")
            items.append((name.rstrip(b" \t"), value.strip(b" \t")))
        return cls(items)

    @classmethod
    def of_head(cls, raw: bytes) -> Fields:
        """Read the fields of a raw HTTP/1 head, whose first line is the start line."""
        _, _, section = raw.partition(b"\n")
        return cls.parse(section)

    def get(self, name: bytes, default: bytes = b"") -> bytes:
        """Return the first value of `name`, or `default`."""
        wanted = name.lower()
        for key, value in self._items:
            if key.lower() == wanted:
                return value
        return default

    def get_all(self, name: bytes) -> list[bytes]:
        """Return every value of `name`, in wire order."""
        wanted = name.lower()
        return [value for key, value in self._items if key.lower() == wanted]

    def joined(self, name: bytes) -> bytes:
        """Return all values of `name` as one list value (RFC 9110 section 5.3)."""
        return b", ".join(self.get_all(name))

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, name: bytes) -> bool:
        wanted = name.lower()
        return any(key.lower() == wanted for key, _ in self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fields) and self._items == other._items

    def __hash__(self) -> int:
        return hash(self._items)

    def __repr__(self) -> str:
        return f"Fields({list(self._items)!r})"
