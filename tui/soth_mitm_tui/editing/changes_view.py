"""What an edit changes, before it is sent: with the fields that follow from the body."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from soth_mitm.policy.diff import DiffReport, Kind, compare, sample_of_draft
from soth_mitm.record.worker import HERE_LIMIT
from soth_mitm.text import printable
from soth_mitm_tui.editing.view import View
from soth_mitm_tui.lines import BLANK, Line, heading, line
from soth_mitm_tui.viewers.content import Joined
from soth_mitm_tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from textual.app import ComposeResult
    from textual.widget import Widget

    from soth_mitm.policy.diff import DiffLine
    from soth_mitm.policy.editing import Draft
    from soth_mitm.policy.editing.sheet import Finished, Sheet
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.lines import Span

_SIGNS: Final[dict[Kind, tuple[str, str]]] = {
    Kind.ADDED: ("+", "good"),
    Kind.REMOVED: ("-", "bad"),
    Kind.CHANGED: ("~", "accent"),
    Kind.MOVED: ("↕", "muted"),
    Kind.SPELLED: ("≈", "muted"),
}


def judge(original: Draft, finishing: Callable[[], Finished]) -> tuple[DiffReport, str]:
    """Compare what would be sent with the original. Called in a process where a body is large."""
    made = finishing()
    return compare(sample_of_draft(original), sample_of_draft(made.draft)), made.note


def diff_lines(report: DiffReport, note: str = "") -> Iterator[Line]:
    """Return what differs as lines, one below the other."""
    for section in report.sections:
        shown = [each for each in section.lines if each.kind is not Kind.SAME]
        if any(each.kind in _SIGNS or each.kind is Kind.NOTE for each in shown):
            yield heading(section.title)
            for each in shown:
                yield _line(each, fields=section.form == "fields")
            yield BLANK
    if note:
        yield line((f"  {note}", "warn"), indent=2)


def _line(each: DiffLine, *, fields: bool) -> Line:
    if each.kind in (Kind.SKIPPED, Kind.NOTE):
        return line((f"    {each.label}", "muted"), indent=4)
    sign, tone = _SIGNS.get(each.kind, (" ", "muted"))
    spans: list[Span] = [(f"  {sign} ", tone)]
    left, right = each.left, each.right
    if fields and each.label:  # the texts begin with the name
        left, right = _after(left, each.label), _after(right, each.label)
    if each.label:
        spans.append((f"{each.label}  ", "key"))
    if each.kind is Kind.CHANGED:
        spans += [(left or "", "muted"), (" → ", "muted"), (right or "", "strong")]
    else:
        text = left if right is None else right
        spans.append((text or "", tone if each.kind in (Kind.ADDED, Kind.REMOVED) else "text"))
    return Line(tuple(spans), 4)


def _after(text: str | None, name: str) -> str | None:
    start = f"{name}: ".lower()
    return text[len(start) :] if text is not None and text.lower().startswith(start) else text


class ChangesView(View):
    """Shows the edit as a diff."""

    NAME: ClassVar[str] = "Changes"
    title = "The changes"
    app: SothApp

    def __init__(self, sheet: Sheet, most: int) -> None:
        super().__init__(sheet, most)
        self._lines = LineView()
        self._said = ""

    @classmethod
    def applies(cls, sheet: Sheet, most: int) -> bool:
        """Always."""
        return True

    def compose(self) -> ComposeResult:
        """Lay out the lines."""
        yield self._lines

    @property
    def front(self) -> Widget:
        """The lines."""
        return self._lines

    def load(self) -> None:
        """Compare, in another process where that takes long."""
        sheet = self.sheet
        work = partial(judge, sheet.original, sheet.finishing())
        if len(sheet.parts.data) + len(sheet.first.data) <= HERE_LIMIT:
            self._show(*work())
            return
        self._lines.show(Joined([BLANK, line(("  comparing…", "muted"))]))
        self.run_worker(self._compare(work), exclusive=True, group="changes", exit_on_error=False)

    async def _compare(self, work: Callable[[], tuple[DiffReport, str]]) -> None:
        try:
            report, note = await self.app.worker.run(work)
        except Exception as error:
            self._lines.show(Joined([BLANK, line(("  ✕ ", "bad"), (printable(str(error), 300), "text"))]))
            return
        self._show(report, note)

    def _show(self, report: DiffReport, note: str) -> None:
        lines = list(diff_lines(report, note))
        count = report.differences
        self._said = "1 difference" if count == 1 else f"{count:,} differences"
        if not lines:
            lines = [line(("  Nothing is changed.", "muted"))]
        self._lines.show(Joined(lines))
        self.post_message(self.Changed())

    def verdict(self) -> Span | None:
        """Say how much is changed."""
        return (self._said, "muted") if self._said else None
