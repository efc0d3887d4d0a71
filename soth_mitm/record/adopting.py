"""An index that also takes rows that were made elsewhere: those of the row index of a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from soth_mitm.model.annotation import Annotation
from soth_mitm.model.events import Annotated, ConnClosed, ProcessKnown
from soth_mitm.record.index import Index
from soth_mitm.record.packed import Packed, client_host
from soth_mitm.record.pages import PAGE_ROWS
from soth_mitm.record.rows import CLOSED, Row

if TYPE_CHECKING:
    from soth_mitm.model.events import Event
    from soth_mitm.record.rowindex import Digest
    from soth_mitm.record.tables import Tables


class AdoptingIndex(Index):
    """The rows of a file. What is adopted and what is applied may follow each other in any order."""

    def adopt(self, digest: Digest, told: Iterable[Event], block: int, tables: Tables) -> None:
        """Take what a row index says of the next events, all of which lie in `block`.

        `told` are the events of the digest, `tables` those of its part. It changes the rows as `apply`
        would with the events. A flow that began before what was taken so far is passed over, as there.
        """
        fold = self._rows
        said: list[tuple[int, Annotation]] = []
        of_conns: list[tuple[int, ProcessKnown | ConnClosed]] = []
        with self._lock:
            for conn in digest.conns:
                self._conn_blocks.note(conn, block)
            for event in told:
                body = event.body
                if type(body) is Annotated:
                    said.append((event.flow, Annotation.of(body)))
                    continue
                if not event.flow:
                    fold.apply(event)
                self._session.apply(event)
                if type(body) is ProcessKnown or type(body) is ConnClosed:
                    of_conns.append((event.conn, body))
            numbers: set[int] = set()
            whole = {row.flow: row for row in digest.whole}
            for each in digest.rows:
                if isinstance(each, Packed):
                    numbers.add(self._adopt_packed(each, digest.carried, block, tables))
                    continue
                row = (
                    self._adopted(whole[each], digest.carried) if each in whole else fold.open_rows.get(each)
                )
                if row is not None:
                    numbers.add(self._settle(row, block))
            self._settle_others(numbers, of_conns, said, block)

    def _adopted(self, told: Row, carried: list[int]) -> Row | None:
        """Take a row into the fold, or out of it; None where nothing is known of its beginning."""
        known = self._rows.open_rows.pop(told.flow, None)
        if known is None and told.flow in carried:
            return None
        told.number = -1
        if known is not None:
            told.number, known.state = known.number, CLOSED
        if told.open:
            self._rows.put(told)
            if told.number >= 0:
                self._open[told.number] = told  # of a file that tells a flow twice
        return told

    def _adopt_packed(self, row: Packed, carried: list[int], block: int, tables: Tables) -> int:
        """Do what `_settle` does with a row that has ended; return its number, -1 where it is passed over."""
        flow, number = row.flow, -1
        known = self._rows.open_rows.pop(flow, None)
        if known is not None:
            number, known.state = known.number, CLOSED
        elif flow in carried:
            return -1
        site = tables.sites[row.site]
        if number < 0:
            if site[6]:
                self._session.decrypted(client_host(site, row.client_port))
            number = self._next_number()
            if not site[9]:
                self._unnamed.note(row.conn, number)
        else:
            del self._open[number]
            del self._numbers[flow]
        page = self._page(number)
        site_id, result_id = tables.of(page, row)
        blocks = self._ends(flow, block)
        page.put(number % PAGE_ROWS, row, blocks, site=site_id, result=result_id)
        return number

    def adopt_open(self, rows: Iterable[Row]) -> None:
        """Take how the rows of open flows stand at the end of what was adopted."""
        with self._lock:
            for row in rows:
                known = self._rows.open_rows.get(row.flow)
                if known is not None:
                    row.number = known.number
                    for name in Row.__struct_fields__:
                        setattr(known, name, getattr(row, name))
