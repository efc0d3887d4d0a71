"""Answering a filter for a page of packed rows by its columns, without making the rows.

What repeats in a page (where to, how it went) is asked once for each value there is; numbers and
paths are read from the record. Only what mixes columns in other ways reads a row attribute by attribute.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

from soth_mitm.policy.filters.line import authority
from soth_mitm.policy.filters.matching import Leaf, Tree
from soth_mitm.record.rows import CLOSED

if TYPE_CHECKING:
    from soth_mitm.record.pages import Page

_T = TypeVar("_T")

Record = tuple[int, ...]
"""The numbers of one row, as `pages` packs them."""

_Check = Callable[[Record], bool]

SITE: Final = (
    "client", "scheme", "host", "port", "sni", "ja4", "intercepted", "metadata_only",
    "replay_of", "process",
)  # fmt: skip
RESULT: Final = (
    "kind", "method", "status", "version", "content_type", "reason", "outcome", "error",
    "reused", "generated", "modified", "rewritten", "tls_reason", "tls_peer", "guard", "hint",
    "form", "messages_skipped", "grpc_status", "rules",
)  # fmt: skip
NUMBERS: Final = {"duration_ns": 4, "ttfb_ns": 5, "request_bytes": 6, "response_bytes": 7, "repeats": 8,
                  "last_message_ns": 16, "messages": 17}  # fmt: skip
"""Where in a record a number stands."""
PATH_AT, PATH_LENGTH, SITE_AT, RESULT_AT = 11, 12, 13, 14
FIXED: Final = {"state": CLOSED, "paused": 0, "stage": "", "mark": "", "comment": "", "colour": ""}
"""What every packed row has that nobody has annotated."""


class PackedRow:
    """One row of a page at a time, read attribute by attribute."""

    __slots__ = ("_page", "record")

    def __init__(self, page: Page) -> None:
        self._page = page
        self.record: Record = ()

    def __getattr__(self, name: str) -> object:
        """Return what a row has under this name."""
        record, page = self.record, self._page
        if name == "path":
            return page.path(record[PATH_AT], record[PATH_LENGTH])
        if name in NUMBERS:
            return record[NUMBERS[name]]
        if name == "llm":
            return page.calls.get(record[0])
        if name == "client":
            return page.client(record)
        if name in _SITE_INDEX:
            return page.sites[record[SITE_AT]][_SITE_INDEX[name]]
        if name in _RESULT_INDEX:
            return page.results[record[RESULT_AT]][_RESULT_INDEX[name]]
        try:
            return FIXED[name]
        except KeyError:
            raise AttributeError(name) from None


_SITE_INDEX: Final = {name: number for number, name in enumerate(SITE)}
_RESULT_INDEX: Final = {name: number for number, name in enumerate(RESULT)}
_OF_SITE: Final = frozenset(SITE) - {"client"}
_OF_RESULT: Final = frozenset(RESULT)
_OF_CALL: Final = frozenset({"llm"})


class _Values:
    """Stands for a row of which only some attributes are known."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)


def search_page(page: Page, tree: Tree, slots: range, *, apart: Collection[int]) -> Iterator[int]:
    """Yield the slots of packed rows that a tree wants; those of flows in `apart` are passed over.

    A slot whose row is open has an empty record, of flow 0, and is passed over as well.
    """
    of_line = _of_line(tree)
    if of_line is not None:
        for slot, (flow, line) in enumerate(page.lines(slots.start, slots.stop), slots.start):
            if flow and flow not in apart and of_line(line):
                yield slot
        return
    check = _bind(tree, page, {})
    for slot, record in enumerate(page.records(slots.start, slots.stop), slots.start):
        flow = record[0]
        if flow and flow not in apart and check(record):
            yield slot


def _of_line(tree: Tree) -> Callable[[str], bool] | None:
    """Return a tree as a test of a row's line, where it asks nothing else."""
    if isinstance(tree, Leaf):
        return tree.check if tree.source == "line" else None
    if isinstance(tree, bool):
        return None
    how, parts = tree
    tests = [test for test in map(_of_line, parts) if test is not None]
    if len(tests) < len(parts):
        return None
    if how == "not":
        (inner,) = tests
        return lambda line: not inner(line)
    if how == "all":
        return _all_of(tests)
    return lambda line: any(test(line) for test in tests)


def _bind(tree: Tree, page: Page, lines: dict[tuple[int, int], tuple[str, str]]) -> _Check:
    if isinstance(tree, bool):
        return lambda _: tree
    if isinstance(tree, Leaf):
        return _bind_leaf(tree, page, lines)
    how, parts = tree
    checks = [_bind(part, page, lines) for part in parts]
    if how == "not":
        (inner,) = checks
        return lambda record: not inner(record)
    if how == "all":
        return _all_of(checks)
    return lambda record: any(check(record) for check in checks)


def _all_of(checks: list[Callable[[_T], bool]]) -> Callable[[_T], bool]:
    if len(checks) == 2:
        one, two = checks
        return lambda asked: one(asked) and two(asked)

    def check(asked: _T) -> bool:
        for each in checks:  # noqa: SIM110 - a generator costs more than the checks
            if not each(asked):
                return False
        return True

    return check


def _bind_leaf(leaf: Leaf, page: Page, lines: dict[tuple[int, int], tuple[str, str]]) -> _Check:
    test: Callable[[Any], bool] = leaf.test
    names, ask = leaf.attributes, leaf.check
    if ask is not None and leaf.source in _DIRECT:
        return _bind_direct(leaf.source, ask, page, lines)
    if names <= _OF_SITE:
        wanted = [test(_Values(dict(zip(SITE, site, strict=True)))) for site in page.sites]
        return lambda record: wanted[record[SITE_AT]]
    if names <= _OF_RESULT:
        hits = [test(_Values(dict(zip(RESULT, result, strict=True)))) for result in page.results]
        return lambda record: hits[record[RESULT_AT]]
    if names <= FIXED.keys():
        always = test(_Values(dict(FIXED)))
        return lambda _: always
    row = PackedRow(page)
    if not page.calls and names <= _OF_CALL:
        never = test(_Values({"llm": None}))
        return lambda _: never

    def check(record: Record) -> bool:
        row.record = record
        return test(row)

    return check


_DIRECT: Final = frozenset({"line", "url", "path", *NUMBERS})


def _bind_direct(
    source: str, ask: Callable[..., bool], page: Page, lines: dict[tuple[int, int], tuple[str, str]]
) -> _Check:
    """Return the check of what one number or one text of a record answers."""
    if source in NUMBERS:
        at = NUMBERS[source]
        return lambda record: ask(record[at])
    path = page.path
    if source == "path":
        return lambda record: ask(path(record[PATH_AT], record[PATH_LENGTH]))
    if source == "url":
        sites = [authority(scheme, host, port) for _, scheme, host, port, *_ in page.sites]
        return lambda record: ask(sites[record[SITE_AT]] + path(record[PATH_AT], record[PATH_LENGTH]))

    def check(record: Record) -> bool:
        key = record[SITE_AT], record[RESULT_AT]
        around = lines.get(key)
        if around is None:
            around = lines[key] = page.around(*key)
        return ask(around[0] + path(record[PATH_AT], record[PATH_LENGTH]).lower() + around[1])

    return check
