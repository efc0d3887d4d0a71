"""Documents: bodies of any size as lines, made, kept and searched in a process of their own.

    documents = Documents(store)
    document = await documents.open(view.response, mode="auto")
    document.info                         # kind, lines so far, notes; `settled` once all of it is in
    await document.lines(0, 50)           # any lines there are by now, at any time
    async for found in document.search("needle", regex=False, case=False): ...
    await document.follow(view.response)  # more has come: goes on where it was
    await document.refresh()              # how far it is by now
    await document.close()
    documents.close()                     # ends the process

The process is told where in the spill the bytes lie, and reads them itself; nothing larger than
256 KiB goes through the pipe. A small body without content coding is read here, which takes less
time than to ask. Everything raises `WorkerError`, whose text is for the person; where the process
died, asking again starts another one and reads the body anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from soth_mitm.decode.about import About
from soth_mitm.decode.views import SMALL_STEP
from soth_mitm.model.limits import DEFAULTS
from soth_mitm.record.folding import Fold
from soth_mitm.record.lane import DEADLINE, Lane, LaneDied, WorkerError
from soth_mitm.record.pieces import BlockSource, Gap, pieces_of
from soth_mitm.record.reading import Reading
from soth_mitm.record.searching import Found, Match
from soth_mitm.record.serving import Refused
from soth_mitm.record.sheet import DocumentInfo, Mode, Order
from soth_mitm.record.threads import in_thread
from soth_mitm.text import SafeText

if TYPE_CHECKING:
    from soth_mitm.config import Limits
    from soth_mitm.record.bodies import BodyRefs
    from soth_mitm.record.payloads import PayloadRefs

__all__ = ["Document", "DocumentInfo", "Documents", "Fold", "Found", "Match", "Mode", "WorkerError"]

HERE_BYTES: Final = 2 * 1024
"""Largest body that is read in this process, in turns between which everything else goes on."""

TURN_SECONDS: Final = 0.002
"""How long a turn here may take, before whatever waits gets its own."""

GIVE_SECONDS: Final = 0.05
"""How long the first lines wait for bytes that lie in no file."""


class BodyOf(Protocol):
    """What is needed of a message; `MessageView` is one."""

    @property
    def refs(self) -> BodyRefs | PayloadRefs: ...
    @property
    def content_type(self) -> bytes: ...
    @property
    def content_encoding(self) -> bytes: ...
    @property
    def body_bytes(self) -> int: ...
    @property
    def complete(self) -> bool: ...


class Documents:
    """The documents of one store, and the process they live in. Its coroutines belong to one loop."""

    def __init__(
        self,
        store: BlockSource,
        *,
        limits: Limits | None = None,
        here_bytes: int = HERE_BYTES,
        deadline: float = DEADLINE,
        protos: tuple[str, ...] = (),
    ) -> None:
        """`protos` are prepared descriptor sets (`schemas.prepared`); `here_bytes` 0 has every body read in
        the process. No process starts before it is needed."""

        def limit(name: str) -> int:
            return int(getattr(limits, name) if limits is not None else DEFAULTS[name])

        self.store = store
        self.lane = Lane(Reading, name="soth-documents", deadline=deadline)
        self.here_bytes = here_bytes
        self.most_bytes = limit("document_bytes")
        self.pretty_bytes = limit("pretty_bytes")
        self.most_matches = limit("search_matches")
        self.protos = protos
        self.numbers = itertools.count(1)

    async def warm(self) -> None:
        """Start the process now, so that no body waits for it."""
        await self.lane.warm()

    async def open(
        self,
        message: BodyOf,
        *,
        mode: Mode = "auto",
        force: bool = False,
        about: About | None = None,
        decoder: str = "",
    ) -> Document:
        """Return a document of the body of `message` as far as it was recorded, with its first lines.

        `auto` goes by the type and the looks; `pretty` lays out even what its type does not announce;
        `raw` is the decoded text as it stands; `hex` shows the bytes as they passed, nothing undone.
        Above `pretty_bytes`, what takes long to lay out is so only with `force`; a note says so. `about`
        says what is known besides the content type; `decoder` names what a person has chosen.
        """
        order = Order(
            about or About(message.content_type),
            message.content_encoding,
            mode,
            force,
            most_bytes=self.most_bytes,
            pretty_bytes=self.pretty_bytes,
            expected_bytes=0 if message.content_encoding else message.refs.captured,
            decoder=decoder,
            protos=self.protos,
        )
        document = Document(self, order, message)
        await document.follow(message)
        return document

    def close(self) -> None:
        """End the process. A document that is asked afterwards starts another one."""
        self.lane.close()


class Document:
    """One body in one mode. `info` is what was last heard; lines count from 0."""

    def __init__(self, documents: Documents, order: Order, message: BodyOf) -> None:
        self.order = order
        self.info = DocumentInfo("empty", 0, (), SafeText(""), False, 0, 0, 0, True, 0)
        self._documents = documents
        self._lane = documents.lane
        self._message = message
        self._number = next(documents.numbers)
        self._given = 0
        self._completed = False
        self._giving: asyncio.Future[None] | None = None
        self._generation = 0
        small = message.refs.captured <= documents.here_bytes and not order.content_encoding
        self._here: Reading | None = None
        if small:
            self._here = Reading(step=SMALL_STEP, slice_seconds=TURN_SECONDS, pictures=False)
        if self._here is not None:
            self._here.open(self._number, order)

    async def follow(self, message: BodyOf) -> DocumentInfo:
        """Take what has been recorded since; a body that streams goes on where it was."""
        self._message = message
        if self._here is not None and message.refs.captured > self._documents.here_bytes:
            self._leave_here()
        return await self._refresh(first=self._given == 0)

    async def refresh(self) -> DocumentInfo:
        """Ask how far it has come, and return that; ask again while it is not `settled`."""
        return await self._refresh(first=False)

    async def lines(self, start: int, count: int) -> list[SafeText]:
        """Return up to `count` lines from `start` on: fewer at the end of what is there by now, or
        where they would be more than 256 KiB. No line is longer than 4000 characters; a longer one
        goes on in the next."""
        lines: list[SafeText] = await self._ask("lines", start, count)
        return lines

    async def line_of_offset(self, offset: int) -> int:
        """Return about which line shows the byte at `offset` of the decoded body."""
        line: int = await self._ask("line_of", offset)
        return line

    async def fold_at(self, line: int) -> Fold | None:
        """Return the object or array that opens at a line; None where none does, or it is empty.

        This and the next three are for what `has_folds`; the first two answer nothing for others.
        """
        if not self.info.has_folds:
            return None
        fold: Fold | None = await self._ask("fold_at", line)
        return fold

    async def folds(self, start: int, count: int) -> list[Fold]:
        """Return what opens in `count` lines from `start` on, 10,000 at most, in order."""
        if not self.info.has_folds:
            return []
        folds: list[Fold] = await self._ask("folds", start, count)
        return folds

    async def path_at(self, line: int) -> SafeText:
        """Return the path of the value at a line, such as `$.items[3].name`.

        Raises:
            WorkerError: this is not laid out as a tree, or the process died.
        """
        path: SafeText = await self._ask("path_at", line)
        return path

    async def value_at(self, line: int) -> str:
        """Return the value at a line as JSON, laid out; its numbers, keys and strings as they were
        written, but for characters that a terminal obeys or hides, which are escaped as JSON does it.

        Raises:
            WorkerError: it is larger than 1 MiB, has no end yet, is no JSON, or the process died.
        """
        value: str = await self._ask("value_at", line)
        return value

    async def search(
        self, pattern: str, *, regex: bool = False, case: bool = False
    ) -> AsyncGenerator[Found, None]:
        """Search all of the document; yield what was found since, ten times a second, until `done`.

        Places of the first `search_matches` are given, all are counted. In hex, the bytes are
        searched, also for pairs of digits (`ff d8 ff`). To close it is to cancel it, which takes
        100 ms at most, even where the expression would never end.

        Raises:
            WorkerError: the expression is no valid one, or the process died.
        """
        if self._here is not None and regex:
            self._leave_here()
        args = (pattern, regex, case, self._documents.most_matches)
        if self._here is not None:
            for found in self._searched_here(args):
                yield found
            return
        await self._ask("info", False)  # has a process know the body, also after one has died
        stream = self._lane.stream("search", self._number, *args, generation=self._generation)
        try:
            async for found in stream:
                yield found
        finally:
            await stream.aclose()

    def _searched_here(self, args: tuple[Any, ...]) -> Iterator[Found]:
        assert self._here is not None
        job = self._here.search(self._number, *args)
        try:
            while True:
                found = next(job)
                if found is not None:
                    yield found
        except StopIteration as end:
            yield end.value
        except Refused as error:
            raise WorkerError(str(error)) from None

    async def close(self) -> None:
        """Let go of it; the process forgets it as well."""
        if self._here is not None:
            self._here.close(self._number)
            return
        generation = self._generation
        if generation == self._lane.generation and self._lane.pid:
            try:
                await in_thread(lambda: self._lane.post("close", self._number, generation=generation))
            except LaneDied:
                return

    # --- how it is asked --------------------------------------------------------------------------

    async def _refresh(self, *, first: bool) -> DocumentInfo:
        info: DocumentInfo = await self._ask("info", first and self._here is None)
        if info.kind == "image" and self._here is not None:
            self._leave_here()  # a decoder of pixels may die of what a peer sends
            info = await self._ask("info", True)
        self.info = info._replace(settled=info.settled and self._giving is None)
        return self.info

    async def _ask(self, method: str, *args: object) -> Any:  # noqa: ANN401 - it is what the method answers
        """Ask the process, or what is here; once more where the process has died since."""
        here = await self._laid_out_here()
        if here is not None:
            try:
                return here.call(method, (self._number, *args))
            except Refused as error:
                raise WorkerError(str(error)) from None
        try:
            await self._hand_over()
            return await self._call(method, *args)
        except LaneDied:
            await self._hand_over()
            return await self._call(method, *args)

    async def _laid_out_here(self) -> Reading | None:
        """Lay out what has come, in turns; None where the process does that."""
        if self._here is not None:
            await self._hand_over()
        while self._here is not None:
            if not self._here.work():
                return self._here
            await asyncio.sleep(0)  # a turn for whatever else is due
        return None

    async def _call(self, method: str, *args: object) -> Any:  # noqa: ANN401 - it is what the method answers
        return await self._lane.call(method, self._number, *args, generation=self._generation)

    def _leave_here(self) -> None:
        if self._here is not None:
            self._here.close(self._number)
        self._here = None
        self._given, self._completed = 0, False

    async def _hand_over(self) -> None:
        """Have the process know the body as far as it was recorded, one that was just started as well."""
        lost = self._here is None and not (self._lane.pid and self._generation == self._lane.generation)
        if lost:
            self._given, self._completed, self._giving = 0, False, None
            self._generation = await self._lane.start()
            await self._call("open", self.order)
        count = len(self._message.refs)
        message = self._message
        if self._giving is not None and self._giving.done():
            self._giving = None
        if self._giving is None and (self._given < count or (message.complete and not self._completed)):
            given, self._given, self._completed = self._given, count, message.complete
            if self._here is not None:
                self._give(message, given, count)
                return
            loop = asyncio.get_running_loop()
            self._giving = loop.run_in_executor(None, self._give, message, given, count)
        if self._giving is not None:
            # A recording in memory takes time to hand over: what is there by now can be shown.
            await asyncio.wait((self._giving,), timeout=GIVE_SECONDS)
        if lost:
            await self._catch_up()

    async def _catch_up(self) -> None:
        """Wait until there are as many lines again as were seen before the process died."""
        seen = self.info.lines
        info: DocumentInfo = await self._call("info", True)
        while info.lines < seen and not (info.settled and self._giving is None):
            await asyncio.sleep(GIVE_SECONDS)
            if self._giving is not None and self._giving.done():
                self._giving = None
            info = await self._call("info", True)

    def _give(self, message: BodyOf, start: int, stop: int) -> None:
        with contextlib.suppress(LaneDied):  # whoever asks next begins anew
            for piece in pieces_of(self._documents.store, message.refs, start, stop):
                self._tell("give", piece)
                if isinstance(piece, Gap):
                    return
            missing = message.body_bytes - message.refs.captured
            if self._completed and missing > 0:
                self._tell("give", Gap(f"the last {missing:,} bytes were not recorded"))
            elif self._completed:
                self._tell("complete")

    def _tell(self, method: str, *args: object) -> None:
        if self._here is not None:
            self._here.call(method, (self._number, *args))
        else:
            self._lane.post(method, self._number, *args, generation=self._generation)
