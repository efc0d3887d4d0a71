"""Textual's driver for terminals of Unix, with an escape key that is felt at once.

Escape is also the first byte of what most other keys send, so it is only certain after a moment without
more. Textual's own driver looks for that moment ten times a second; this one looks when it is over.
"""

from __future__ import annotations

import codecs
import os
import selectors
from contextlib import suppress
from typing import Final

from textual import constants
from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

AT_ONCE: Final = 4096
"""Bytes that are read at once."""

IDLE_SECONDS: Final = 0.1
"""How long a wait for keys lasts at most, so that the end of the app is noticed."""


class KeyDriver(LinuxDriver):
    """Hands keys on as soon as they are certain."""

    def run_input_thread(self) -> None:
        """Read the terminal until the app ends; called by Textual in a thread of its own."""
        parser = XTermParser(self._debug)
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        certain = constants.ESCAPE_DELAY + 0.002
        wait = IDLE_SECONDS
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                ready = selector.select(wait)
                if ready:
                    data = os.read(self.fileno, AT_ONCE)
                    if not data:
                        return  # the terminal is gone; what ends the app is its hang-up signal
                    for message in parser.feed(decode(data)):
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
                wait = certain if ready else IDLE_SECONDS
        with suppress(EOFError, ParseError):
            for message in parser.feed(""):
                self.process_message(message)
