"""TLS secrets of both sides, for Wireshark and its like, in a file that only its owner reads."""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path

from soth_mitm.errors import StartError
from soth_mitm.net.tls.keyfiles import POSIX, KeyFileError, refuse_foreign_link

VARIABLE = "SSLKEYLOGFILE"

MOST_CONTEXTS = 128
"""Most leaf contexts kept while secrets are written: each one holds the file open."""


class KeylogError(StartError):
    """The file for TLS secrets cannot be used; the text names it and says why."""


def prepare(path: Path) -> Path:
    """Make sure that a file is there which nobody but its owner can read, and return its path.

    An existing file is appended to; its mode is tightened to 0600. Raises `KeylogError`.
    """
    path = path.expanduser()
    try:
        refuse_foreign_link(path)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = os.open(path, flags, 0o600)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise KeylogError(f"{path} is not a regular file; name another one for the TLS secrets")
            if POSIX and status.st_mode & 0o077:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    except KeyFileError as error:
        raise KeylogError(f"TLS secrets: {error}") from error
    except OSError as error:
        raise KeylogError(
            f"TLS secrets cannot be written to {path}: {error.strerror or error}; name a file that you can "
            f"write to"
        ) from error
    return path


def write_to(context: ssl.SSLContext, path: Path) -> None:
    """Have a context append its secrets to `path`."""
    # The system's verifier wraps the context that makes the connections.
    inner: ssl.SSLContext = getattr(context, "_ctx", context)
    inner.keylog_filename = str(path)
