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
        """Read the fields of a raw head, whose first line is the start line in HTTP/1.

        A head of HTTP/2 begins with fields named `:method` and the like, which are fields here too.
        """
        if raw[:1] != b":":
            _, _, section = raw.partition(b"\n")
            return cls.parse(section)
        pseudo, section = _parted(raw)
        return cls((*pseudo, *cls.parse(section)))

    @property
    def in_http1(self) -> Fields:
        """The fields as HTTP/1 has them: without those that begin with a colon, `:authority` as Host."""
        if not self._items or self._items[0][0][:1] != b":":
            return self
        named = ((b"host", value) for name, value in self._items if name == b":authority")
        hosts = () if b"host" in self else tuple(named)
        return Fields((*hosts, *(pair for pair in self._items if pair[0][:1] != b":")))

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


def start_line(raw: bytes) -> bytes:
    """Return the first line of a raw head; of HTTP/2, one that says the same."""
    if raw[:1] != b":":
        return raw.partition(b"\n")[0].removesuffix(b"\r")
    pseudo = dict(_parted(raw)[0])
    if b":status" in pseudo:
        return b"HTTP/2.0 " + pseudo[b":status"]
    target = pseudo.get(b":path") or pseudo.get(b":authority", b"")
    return b"%b %b HTTP/2.0" % (pseudo.get(b":method", b""), target)


def after_start(raw: bytes) -> bytes:
    """Return the lines of a raw head that come after the start line, or after what stands for it."""
    if raw[:1] != b":":
        return raw[raw.find(b"\n") + 1 :]
    return _parted(raw)[1]


def _parted(raw: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Part a head of HTTP/2 into the fields that begin with a colon, and the lines of the others."""
    pseudo: list[tuple[bytes, bytes]] = []
    at = 0
    while raw[at : at + 1] == b":":
        end = raw.find(b"\n", at)
        end = len(raw) if end < 0 else end
        name, _, value = raw[at + 1 : end].partition(b":")
        pseudo.append((b":" + name, value.strip(b" \t\r")))
        at = end + 1
    return pseudo, raw[at:]
