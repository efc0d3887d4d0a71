"""Messages on their way to a file or the clipboard: read in batches, written as JSON lines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from soth_mitm.export.messages import MessageItem, message_lines
from soth_mitm.record.threads import in_thread
from soth_mitm.record.wholefile import whole_file
from soth_mitm.record.worker import HERE_LIMIT
from soth_mitm.text import human_size
from soth_mitm_tui.scopes import Saved, Scope

if TYPE_CHECKING:
    from pathlib import Path

    from soth_mitm.record.messagelog import MessageLog
    from soth_mitm.record.rows import Row
    from soth_mitm.record.saving import Progress
    from soth_mitm.record.worker import Worker

BATCH: Final = 64
"""Messages that are read at once."""

BATCH_BYTES: Final = 1024 * 1024
"""About how many bytes of payload are held at once; one message may have more."""


def time_shift(row: Row) -> int:
    """Return what is added to a monotonic time of a flow for its time of day."""
    return row.started_wall_ns - row.started_mono_ns


async def items_of(log: MessageLog, positions: Sequence[int], shift: int) -> AsyncIterator[list[MessageItem]]:
    """Yield messages with their payloads, in batches; those that are no longer kept are left out."""
    at = 0
    while at < len(positions):
        batch, size = list[int](), 0
        while at < len(positions) and len(batch) < BATCH and (size < BATCH_BYTES or not batch):
            try:
                size += log.table.entry(positions[at]).size
                batch.append(positions[at])
            except IndexError:
                pass
            at += 1
        items: list[MessageItem] = []
        for detail in await log.details(batch, most=max(size, 1)):
            entry, head = log.table.entry(detail.position), detail.head
            items.append(
                MessageItem(
                    log.flow,
                    entry.number,
                    entry.direction,
                    entry.mono_ns + shift,
                    head.label,
                    entry.size,
                    detail.beginning,
                    head.note,
                    entry.origin,
                )
            )
        yield items


async def lines_of(
    log: MessageLog, positions: Sequence[int], shift: int, worker: Worker
) -> AsyncIterator[tuple[int, str]]:
    """Yield how many messages were read by now, and their JSON lines.

    Raises:
        WorkerError: the process that lays out large ones died.
    """
    done = 0
    async for items in items_of(log, positions, shift):
        done += len(items)
        make = partial(message_lines, items)
        small = sum(len(item.data) for item in items) <= HERE_LIMIT
        yield done, make() if small else await worker.run(make)


def message_scopes(
    log: MessageLog, *, position: int, shown: Sequence[int], shift: int, worker: Worker
) -> list[Scope]:
    """Return what can be saved of the messages that are looked at: one payload, and those that are shown."""
    flow = log.flow
    save_shown = partial(_save_lines, log, shown, shift, worker)
    scopes = [
        Scope(
            "messages",
            "Messages",
            f"{len(shown):,} as JSON lines",
            f"flow-{flow}-messages.jsonl",
            save_shown,
            reason="" if len(shown) else "no message is shown",
        )
    ]
    try:
        entry = log.table.entry(position)
    except IndexError:
        return scopes
    name = f"flow-{flow}-message-{entry.number}{'.json' if log.facts.form in ('ndjson', 'json') else '.bin'}"
    one = Scope(
        "payload",
        "This message",
        f"#{entry.number:,}, {human_size(entry.size)} bytes",
        name,
        partial(_save_payload, log, position, entry.size),
    )
    return [one, *scopes]


async def _save_payload(
    log: MessageLog, position: int, size: int, path: Path, overwrite: bool, progress: Progress
) -> Saved:
    data = await log.payload(position, size)
    async with whole_file(path, overwrite=overwrite, needed=len(data)) as target:
        await in_thread(lambda: target.write(data))
    remark = f"{size - len(data):,} bytes of it were not recorded" if len(data) < size else ""
    return Saved(len(data), remark)


async def _save_lines(
    log: MessageLog,
    positions: Sequence[int],
    shift: int,
    worker: Worker,
    path: Path,
    overwrite: bool,
    progress: Progress,
) -> Saved:
    written = 0
    async with whole_file(path, overwrite=overwrite, needed=0) as target:
        async for done, lines in lines_of(log, positions, shift, worker):
            data = lines.encode("utf-8")
            await in_thread(partial(target.write, data))
            written += len(data)
            progress(done, len(positions))
    return Saved(written)


async def copied_lines(
    log: MessageLog, positions: Sequence[int], shift: int, worker: Worker, *, most: int
) -> str | None:
    """Return the JSON lines of messages; None where they are more than `most` characters."""
    parts: list[str] = []
    size = 0
    async for _, lines in lines_of(log, positions, shift, worker):
        parts.append(lines)
        size += len(lines)
        if size > most:
            return None
    return "".join(parts)
