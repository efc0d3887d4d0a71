"""Reading the settings again while the proxy runs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from soth_mitm.errors import SothError

if TYPE_CHECKING:
    from soth_mitm.config import Config


class Rereading:
    """Reads settings in a thread and uses them on the loop it was made on.

    A server that is asked for its schemas may take long, and no flow waits for it. What is asked for while
    settings are being read is read after them. The thread is a daemon, so that an end need not wait either.
    """

    def __init__(
        self, read: Callable[[], Config], use: Callable[[Config], object], fail: Callable[[str], None]
    ) -> None:
        """`read` and `use` raise SothError where settings are wrong; `fail` is told why."""
        self._loop = asyncio.get_running_loop()
        self._read, self._use, self._fail = read, use, fail
        self._reads = self._once_more = self._closed = False

    def begin(self) -> None:
        """Begin to read; where that is under way, once more is enough for all calls."""
        if self._reads:
            self._once_more = True
            return
        self._reads = True
        threading.Thread(target=self._in_thread, name="settings", daemon=True).start()

    def close(self) -> None:
        """Use nothing that comes from now on."""
        self._closed = True

    def _in_thread(self) -> None:
        outcome: Config | Exception
        try:
            outcome = self._read()
        except Exception as error:
            outcome = error  # told on the loop, or no reload would ever begin again
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._take, outcome)

    def _take(self, outcome: Config | Exception) -> None:
        self._reads = False
        if self._closed:
            return
        try:
            if isinstance(outcome, Exception):
                raise outcome
            self._use(outcome)
        except SothError as error:
            self._fail(str(error))
        finally:
            if self._once_more:
                self._once_more = False
                self.begin()
