"""The views that are rows: header fields, the query, a form, cookies."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.widgets import Input

from soth_mitm.decode.sniff import essence
from soth_mitm.policy.editing.checks import Fault, faults_of_fields
from soth_mitm.policy.editing.escapes import escaped, unescaped
from soth_mitm.policy.editing.pairs import PairError, Pairs, Spelling, pairs, query_of, with_query
from soth_mitm_tui.editing.grid import Cell, Cells, Grid, cells_of
from soth_mitm_tui.editing.view import View

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget

    from soth_mitm.policy.editing.draft import FieldLine
    from soth_mitm.policy.editing.sheet import Sheet
    from soth_mitm_tui.lines import Span

_COOKIE = b"cookie"
ROWS_BYTES: Final = 16 * 1024
"""What is longer has too many rows to be read anew with each key: Body and Raw edit it."""

_FORM = b"application/x-www-form-urlencoded"


class GridView(View):
    """Edits rows; each change is in the sheet at once."""

    WHAT: ClassVar[str]
    """What a row is called."""
    title = "These rows"

    def __init__(self, sheet: Sheet, most: int) -> None:
        super().__init__(sheet, most)
        self.grid = Grid()
        self.grid.when_empty = (
            (f"There is no {self.WHAT}: ", "muted"),
            ("n", "accent"),
            (" adds one", "muted"),
        )
        self.cell = Cell()
        self._before = ""
        self._refused = ""

    def compose(self) -> ComposeResult:
        """Lay out the rows, and the field that comes to lie over a cell."""
        yield self.grid
        yield self.cell

    @property
    def front(self) -> Widget:
        """The rows."""
        return self.grid

    def load(self) -> None:
        """Show the rows of the sheet."""
        self._close()
        self.grid.show_rows(self.cells())

    def verdict(self) -> Span | None:
        """Say why what is typed is no name or value."""
        if self._refused:
            return (self._refused, "bad")
        return ("enter edits · tab goes on · \\xNN is a byte", "muted") if self.cell.display else None

    # --- what a kind of rows says of itself

    @abstractmethod
    def cells(self) -> list[Cells]:
        """Return the rows as they are shown."""

    @abstractmethod
    def write_cell(self, row: int, column: int, text: str) -> None:
        """Write a name (0) or a value (1); raises PairError where it cannot be written."""

    @abstractmethod
    def add_row(self, row: int) -> None:
        """Add a row in front of another."""

    @abstractmethod
    def remove_row(self, row: int) -> None:
        """Take a row out."""

    @abstractmethod
    def move_row(self, row: int, to: int) -> None:
        """Put a row at another place."""

    # --- editing

    def on_grid_wanted(self, event: Grid.Wanted) -> None:
        """Change the rows."""
        event.stop()
        grid, row = self.grid, self.grid.row
        if event.verb == "edit":
            if grid.rows:
                self._edit()
            return
        if event.verb == "add":
            self.add_row(row + 1 if grid.rows else 0)
            grid.show_rows(self.cells())
            grid.go(row + 1 if len(grid.rows) > 1 else 0, 0)
            self._edit()
            return
        if event.verb == "remove":
            self.remove_row(row)
        else:
            to = row + (1 if event.verb == "later" else -1)
            self.move_row(row, to)
            row = to
        grid.show_rows(self.cells())
        grid.go(row, grid.column)

    def _edit(self) -> None:
        grid = self.grid
        row = grid.rows[grid.row]
        self._before = (row.value or "") if grid.column else row.name
        left, width = grid.cell_region(grid.column)
        cell = self.cell
        cell.styles.offset = (left, grid.row - grid.top)
        cell.styles.width = width
        with self.prevent(Input.Changed):
            cell.value = self._before
        cell.cursor_position = len(cell.value)
        cell.display = True
        cell.focus()
        self.post_message(self.Changed())

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.cell.display and event.value == self.cell.value:
            self._put(event.value)

    def _put(self, text: str) -> None:
        grid = self.grid
        try:
            self.write_cell(grid.row, grid.column, text)
        except PairError as error:
            said = str(error)
            self._refused = said[:1].upper() + said[1:]
            self.trouble(f"row {grid.row + 1}: {error}")
            return
        self._refused = ""
        self.trouble("")
        grid.show_rows(self.cells())

    def on_cell_done(self, event: Cell.Done) -> None:
        """Close the field; escape puts back what was there."""
        event.stop()
        if event.go == "back":
            self._put(self._before)
        elif self._refused:
            self.post_message(self.Changed())  # it stays, with what is wrong
            return
        grid = self.grid
        self._close()
        self.grid.show_rows(self.cells())
        if event.go in ("up", "down"):
            grid.go(grid.row + (1 if event.go == "down" else -1), grid.column)
        elif event.go in ("next", "previous"):
            at = grid.row * 2 + grid.column + (1 if event.go == "next" else -1)
            if 0 <= at < len(grid.rows) * 2:
                grid.go(at // 2, at % 2)
                self._edit()
                return
        grid.focus()
        self.post_message(self.Changed())

    def _close(self) -> None:
        self.cell.display = False
        self._refused = ""


class HeadersView(GridView):
    """The header fields, in their order, with all of their bytes."""

    NAME: ClassVar[str] = "Headers"
    WHAT: ClassVar[str] = "header field"
    title = "The header fields"

    @classmethod
    def applies(cls, sheet: Sheet, most: int) -> bool:
        """Where there is a head."""
        return not sheet.is_message

    @property
    def _fields(self) -> tuple[FieldLine, ...]:
        return self.sheet.parts.fields

    def cells(self) -> list[Cells]:
        """Return the fields; those that the original has not are marked."""
        wrong: dict[int, set[int]] = {}
        for fault in self._faults():
            wrong.setdefault(fault.field - 1, set()).add(0 if fault.place == "name" else 1)
        was = {name.lower() for name, _ in self.sheet.first.fields}
        known = set(self.sheet.first.fields)
        out: list[Cells] = []
        for at, (name, value) in enumerate(self._fields):
            note = "" if (name, value) in known else "changed" if name.lower() in was else "added"
            shown, written = cells_of(name, value)
            out.append(Cells(shown, written, tuple(wrong.get(at, ())), note))
        return out

    def _faults(self) -> tuple[Fault, ...]:
        return faults_of_fields(self._fields, known=frozenset(self.sheet.first.fields))

    def write_cell(self, row: int, column: int, text: str) -> None:
        """Write a name or a value."""
        name, value = self._fields[row]
        line = (unescaped(text), value) if column == 0 else (name, unescaped(text))
        fields = (*self._fields[:row], line, *self._fields[row + 1 :])
        self.change(same=f"{row}.{column}", fields=fields)

    def add_row(self, row: int) -> None:
        """Add a field."""
        self.change(fields=(*self._fields[:row], (b"", b""), *self._fields[row:]))

    def remove_row(self, row: int) -> None:
        """Take a field out."""
        self.change(fields=self._fields[:row] + self._fields[row + 1 :])

    def move_row(self, row: int, to: int) -> None:
        """Put a field at another place."""
        fields = list(self._fields)
        fields.insert(to, fields.pop(row))
        self.change(fields=tuple(fields))


class PairsView(GridView):
    """Rows that are written within another part of the message."""

    @abstractmethod
    def pairs(self) -> Pairs:
        """Read the rows out of the sheet."""

    @abstractmethod
    def write(self, made: Pairs, *, same: str = "") -> None:
        """Write the rows into the sheet."""

    def cells(self) -> list[Cells]:
        """Return the rows, decoded."""
        return [Cells(*cells_of(name, value)) for name, value in self.pairs().rows]

    def write_cell(self, row: int, column: int, text: str) -> None:
        """Write a name or a value."""
        held, data = self.pairs(), unescaped(text)
        made = held.renamed(row, data) if column == 0 else held.valued(row, data)
        self.write(made, same=f"{row}.{column}")

    def add_row(self, row: int) -> None:
        """Add a row without a name, which is written as `=`."""
        self.write(self.pairs().added(b"", b"", at=row))

    def remove_row(self, row: int) -> None:
        """Take a row out."""
        self.write(self.pairs().removed(row))

    def move_row(self, row: int, to: int) -> None:
        """Put a row at another place."""
        self.write(self.pairs().moved(row, to))


class QueryView(PairsView):
    """The query of the target."""

    NAME: ClassVar[str] = "Query"
    WHAT: ClassVar[str] = "query parameter"

    @classmethod
    def applies(cls, sheet: Sheet, most: int) -> bool:
        """Where a target can have a query."""
        target = sheet.parts.target
        return sheet.is_request and target[:1] in ("/", "h") and len(target) <= ROWS_BYTES

    def pairs(self) -> Pairs:
        """Read the query."""
        return query_of(unescaped(self.sheet.parts.target))

    def write(self, made: Pairs, *, same: str = "") -> None:
        """Write it into the target."""
        self.change(same=same, target=escaped(with_query(unescaped(self.sheet.parts.target), made)))


class FormView(PairsView):
    """A body that is a form."""

    NAME: ClassVar[str] = "Form"
    WHAT: ClassVar[str] = "form field"

    @classmethod
    def applies(cls, sheet: Sheet, most: int) -> bool:
        """Where the body is said to be one, and not too long."""
        named = essence(sheet.content_type)
        return named == _FORM and sheet.has_body and len(sheet.parts.data) <= min(most, ROWS_BYTES)

    def pairs(self) -> Pairs:
        """Read the body."""
        return pairs(Spelling.FORM, self.sheet.parts.data)

    def write(self, made: Pairs, *, same: str = "") -> None:
        """Write it anew."""
        self.change(same=same, data=made.data)


class CookiesView(PairsView):
    """The cookies of a request: one row each, also where they came in several fields."""

    NAME: ClassVar[str] = "Cookies"
    WHAT: ClassVar[str] = "cookie"

    @classmethod
    def applies(cls, sheet: Sheet, most: int) -> bool:
        """In a request."""
        return sheet.is_request

    def pairs(self) -> Pairs:
        """Read all Cookie fields as one."""
        values = [value for name, value in self.sheet.parts.fields if name.lower() == _COOKIE]
        return pairs(Spelling.COOKIES, b"; ".join(values))

    def write(self, made: Pairs, *, same: str = "") -> None:
        """Write one field, where the first one stood; without a cookie there is none."""
        fields = self.sheet.parts.fields
        at = next((i for i, (name, _) in enumerate(fields) if name.lower() == _COOKIE), len(fields))
        name = fields[at][0] if at < len(fields) else b"Cookie"
        line = ((name, made.data),) if made.written else ()
        rest = tuple(pair for pair in fields[at:] if pair[0].lower() != _COOKIE)
        self.change(same=same, fields=(*fields[:at], *line, *rest))
