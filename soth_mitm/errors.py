"""The error tree: every failure a person may read derives from `SothError`.

An error's text says what failed, for which host, file or option, why, and what to do next.
Errors raised while judging wire bytes also carry a stable reason code, so that rows, events and
tests never have to look into the text.
"""

from __future__ import annotations


class SothError(Exception):
    """Base of all errors whose text is written for the person who reads it."""


class ConfigError(SothError):
    """A setting, option or file of the person's that cannot be used as it is (exit code 2)."""


class StartError(SothError):
    """The proxy cannot start: a taken port, an unusable CA, a full disk (exit code 2)."""


class DumpError(SothError):
    """A dump file that cannot be opened, read or written."""


class InjectionError(SothError):
    """A message of somebody's own cannot be sent into a flow."""


class ReplayError(SothError):
    """A request cannot be sent again as it is."""


class ProtocolError(SothError):
    """A peer broke the protocol.

    `code` is a stable reason code; `detail` says where and how, in printable ASCII.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
