"""Closed rows, packed: fixed records beside a heap of paths, in pages that are dropped as a whole.

What repeats from row to row (where to, and how it went) is kept once a page as a tuple; a record
holds its number. With the records of a page in one buffer, a search walks them without making rows.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from soth_mitm.policy.filters import after_path, before_path
from soth_mitm.record.packed import WHOLE_ADDRESS, Packed, Result, Site, packed, result_of, site_of
from soth_mitm.record.rows import CLOSED, Row

if TYPE_CHECKING:
    from soth_mitm.model.llm import Call

PAGE_ROWS = 1024

NO_BLOCKS = 0xFFFF_FFFF
"""First and last block of a row whose events were not stored."""

# flow conn wall mono duration ttfb sent received | repeats first last text | length site result client
# | last message, messages
_RECORD = struct.Struct("<QQqqqqqqIIIIHHHIqI")
_SIZE = _RECORD.size
_SEARCH = struct.Struct("<Q68xIHHH16x")
_BLOCKS = struct.Struct("<II")
_BLOCKS_AT = 68
_REPEATS = struct.Struct("<I")
_REPEATS_AT = 64
_NUMBER = struct.Struct("<H")
_SITE_AT = 82
_FLOW = struct.Struct("<Q")
_FLOWS = struct.Struct("<Q94x")

_SITE_COLUMN, _CLIENT_COLUMN = 13, 15

_VARIED = 64
"""Results of a page that may have a message of gRPC each; of further ones the name must do."""
_OUTCOME_AT: Final = 6
_GRPC_AT: Final = 18
_LARGEST = 2**63 - 1
_LARGEST_ID = 2**64 - 1


class Page:
    """`PAGE_ROWS` closed rows, or fewer: a slot stays empty while its row is open."""

    __slots__ = (
        "_filled",
        "_highest",
        "_lowest",
        "_paths",
        "_records",
        "_result_ids",
        "_results",
        "_site_ids",
        "_sites",
        "calls",
    )

    def __init__(self) -> None:
        self._records = bytearray(_SIZE * PAGE_ROWS)
        self._paths: bytearray | bytes = bytearray()
        self._sites: list[Site] = []
        self._results: list[Result] = []
        self._site_ids: dict[Site, int] = {}
        self._result_ids: dict[Result, int] = {}
        self.calls: dict[int, Call] = {}
        """Calls to language models, by flow."""
        self._filled = 0
        self._lowest = _LARGEST_ID
        self._highest = 0

    def pack(self, slot: int, row: Row, first_block: int, last_block: int) -> None:
        """Keep a closed row in an empty slot."""
        site, port = site_of(row)
        if row.llm is not None:
            self.calls[row.flow] = row.llm
        site_id, result_id = self.site_id(site), self.result_id(result_of(row))
        parts = packed(row, port, site=site_id, result=result_id)
        self.put(slot, parts, (first_block, last_block), site=site_id, result=result_id)

    def put(self, slot: int, row: Packed, blocks: tuple[int, int], *, site: int, result: int) -> None:
        """Keep a row in an empty slot; `site` and `result` are the numbers here, where its own are others."""
        path = row.path.encode("utf-8", "replace")
        values = (
            row.flow,
            row.conn,
            row.started_wall_ns,
            row.started_mono_ns,
            row.duration_ns,
            row.ttfb_ns,
            row.request_bytes,
            row.response_bytes,
            row.repeats,
            *blocks,
            len(self._paths),
            len(path),
            site,
            result,
            row.client_port,
            row.last_message_ns,
            row.messages,
        )
        assert isinstance(self._paths, bytearray), "a full page takes no more rows"
        self._paths += path
        try:
            _RECORD.pack_into(self._records, slot * _SIZE, *values)
        except struct.error:
            _RECORD.pack_into(self._records, slot * _SIZE, *_clamped(values))
        flow = row.flow
        if flow < self._lowest:
            self._lowest = flow
        if flow > self._highest:
            self._highest = flow
        self._filled += 1
        if self._filled == PAGE_ROWS:
            self._seal()

    def site_id(self, site: Site) -> int:
        """Return the number of a site, which it gets when it is new."""
        number = self._site_ids.get(site)
        if number is None:
            number = self._site_ids[site] = len(self._sites)
            self._sites.append(site)
        return number

    def result_id(self, result: Result) -> int:
        """Return the number of a result; of many that have a message of gRPC, that of one without."""
        if result[_GRPC_AT] > 0 and len(self._results) >= _VARIED:
            result = _without_message(result)
        number = self._result_ids.get(result)
        if number is None:
            number = self._result_ids[result] = len(self._results)
            self._results.append(result)
        return number

    def _seal(self) -> None:
        """Give back what only packing needed."""
        self._paths = bytes(self._paths)
        self._site_ids = {}
        self._result_ids = {}

    def row(self, slot: int, number: int) -> Row:
        """Return the row of a filled slot, made anew."""
        (
            flow,
            conn,
            wall,
            mono,
            duration,
            ttfb,
            sent,
            received,
            repeats,
            _,
            _,
            start,
            length,
            site,
            result,
            client_port,
            last_message,
            messages,
        ) = _RECORD.unpack_from(self._records, slot * _SIZE)
        client, scheme, host, port, sni, ja4, intercepted, metadata_only, replay_of, process = self._sites[
            site
        ]
        (
            kind,
            method,
            status,
            version,
            content_type,
            reason,
            outcome,
            error,
            reused,
            generated,
            modified,
            rewritten,
            tls_reason,
            tls_peer,
            guard,
            hint,
            form,
            messages_skipped,
            grpc_status,
            rules,
        ) = self._results[result]
        return Row(
            flow=flow,
            conn=conn,
            kind=kind,
            started_wall_ns=wall,
            started_mono_ns=mono,
            client=client if client_port == WHOLE_ADDRESS else f"{client}:{client_port}",
            scheme=scheme,
            host=host,
            port=port,
            intercepted=intercepted,
            metadata_only=metadata_only,
            sni=sni,
            ja4=ja4,
            method=method,
            path=self._paths[start : start + length].decode(),
            status=status,
            version=version,
            content_type=content_type,
            request_bytes=sent,
            response_bytes=received,
            ttfb_ns=ttfb,
            duration_ns=duration,
            last_mono_ns=mono + duration,
            state=CLOSED,
            reason=reason,
            outcome=outcome,
            error=error,
            reused=reused,
            generated=generated,
            modified=modified,
            rewritten=rewritten,
            tls_reason=tls_reason,
            tls_peer=tls_peer,
            guard=guard,
            hint=hint,
            form=form,
            messages=messages,
            messages_skipped=messages_skipped,
            last_message_ns=last_message,
            grpc_status=grpc_status,
            process=process,
            replay_of=replay_of,
            rules=rules,
            llm=self.calls.get(flow) if self.calls else None,
            repeats=repeats,
            number=number,
        )

    def name(self, slot: int, process: str) -> None:
        """Say which program asked for the flow of a filled slot."""
        at = slot * _SIZE + _SITE_AT
        (number,) = _NUMBER.unpack_from(self._records, at)
        _NUMBER.pack_into(self._records, at, self.site_id((*self._sites[number][:-1], process)))

    def flow(self, slot: int) -> int:
        """Return the flow of a filled slot."""
        return int(_FLOW.unpack_from(self._records, slot * _SIZE)[0])

    @property
    def reach(self) -> tuple[int, int]:
        """The lowest and the highest flow that are held; the first is the larger one where none is."""
        return self._lowest, self._highest

    def slot_of(self, flow: int) -> int | None:
        """Return the slot that holds a flow."""
        if self._lowest <= flow <= self._highest:
            likely = flow - self._lowest  # flows mostly come in the order of their numbers
            if likely < PAGE_ROWS and self.flow(likely) == flow:
                return likely
            for slot, (held,) in enumerate(_FLOWS.iter_unpack(self._records)):
                if held == flow:
                    return slot
        return None

    # --- by column ------------------------------------------------------------------------------

    @property
    def sites(self) -> list[Site]:
        """Every place that a row of this page went to; `bycolumn.SITE` names the parts."""
        return self._sites

    @property
    def results(self) -> list[Result]:
        """Every way in which one ended; `bycolumn.RESULT` names the parts."""
        return self._results

    def records(self, start: int, stop: int) -> Iterator[tuple[int, ...]]:
        """Yield the record of each slot; zeros for an empty one."""
        with memoryview(self._records) as records:
            yield from _RECORD.iter_unpack(records[start * _SIZE : stop * _SIZE])

    def lines(self, start: int, stop: int) -> Iterator[tuple[int, str]]:
        """Yield the flow and the line that a filter searches for each slot; flow 0 for an empty one."""
        paths, around = self._paths, self.around
        parts: dict[tuple[int, int], tuple[str, str]] = {}
        with memoryview(self._records) as records:
            for flow, at, length, site, result in _SEARCH.iter_unpack(records[start * _SIZE : stop * _SIZE]):
                if not flow:
                    yield 0, ""
                    continue
                ends = parts.get((site, result))
                if ends is None:
                    ends = parts[site, result] = around(site, result)
                yield flow, ends[0] + paths[at : at + length].decode().lower() + ends[1]

    def flows(self, start: int, stop: int) -> Iterator[int]:
        """Yield the flow of each slot; 0 for an empty one."""
        with memoryview(self._records) as records:
            for (flow,) in _FLOWS.iter_unpack(records[start * _SIZE : stop * _SIZE]):
                yield flow

    def path(self, start: int, length: int) -> str:
        """Return the path that lies there."""
        return self._paths[start : start + length].decode()

    def client(self, record: tuple[int, ...]) -> str:
        """Return the client's address of a record."""
        host, port = self._sites[record[_SITE_COLUMN]][0], record[_CLIENT_COLUMN]
        return host if port == WHOLE_ADDRESS else f"{host}:{port}"

    def around(self, site: int, result: int) -> tuple[str, str]:
        """Return what stands before and behind the path in the lines of equal rows."""
        _, scheme, host, port, *_ = self._sites[site]
        _, method, status, _, content_type, _, outcome, *_ = self._results[result]
        return before_path(method, status, scheme, host, port), after_path(content_type, outcome)

    def blocks(self, slot: int) -> tuple[int, int]:
        """Return first and last block of a filled slot."""
        first, last = _BLOCKS.unpack_from(self._records, slot * _SIZE + _BLOCKS_AT)
        return first, last

    def repeat(self, slot: int) -> None:
        """Count one more equal failure for a filled slot."""
        at = slot * _SIZE + _REPEATS_AT
        repeats = _REPEATS.unpack_from(self._records, at)[0]
        _REPEATS.pack_into(self._records, at, min(repeats + 1, NO_BLOCKS))


def _without_message(result: Result) -> Result:
    """Leave out of an outcome what the server said, which may be other words each time."""
    words = result[_OUTCOME_AT].partition(":")[0]
    return (*result[:6], words, *result[7:])


def _clamped(values: tuple[int, ...]) -> list[int]:
    """Bring numbers of a foreign or damaged file into what a record holds."""
    flow, conn, *rest = values
    return [
        flow & _LARGEST_ID,
        conn & _LARGEST_ID,
        *(max(0, min(value, _LARGEST)) for value in rest[:6]),
        *(max(0, min(value, NO_BLOCKS)) for value in rest[6:]),
    ]
