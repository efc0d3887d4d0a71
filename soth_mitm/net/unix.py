"""A listening Unix socket: for its owner alone, in the place of a dead one, and gone at the end."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat

from soth_mitm.errors import StartError

MODE = 0o600
"""Only the owner may connect."""


def listen(path: str, *, backlog: int = 1024) -> socket.socket:
    """Bind and listen at `path`; a socket there that nobody listens on any more is replaced.

    Raises:
        StartError: the path is taken by something that lives or is no socket, or cannot be used.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise StartError(f"cannot listen on {path}: this system has no Unix sockets for Python")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _make_way(path)
        # Linux takes the socket's own mode, without a moment in which others could connect.
        with contextlib.suppress(OSError):
            os.fchmod(sock.fileno(), MODE)
        sock.bind(path)
        os.chmod(path, MODE)
        sock.listen(backlog)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        why = "another program was quicker" if error.errno == errno.EADDRINUSE else error.strerror or error
        raise StartError(
            f"cannot listen on {path}: {why}; choose a directory that exists and that you may write to"
        ) from error
    except StartError:
        sock.close()
        raise
    return sock


def _make_way(path: str) -> None:
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(there.st_mode):
        raise StartError(f"cannot listen on {path}: a file that is no socket is there; choose another path")
    if _is_served(path):
        raise StartError(f"cannot listen on {path}: a program listens there already; choose another path")
    os.unlink(path)


def _is_served(path: str) -> bool:
    """Return whether somebody listens; one whom we may not ask, or who is busy, counts as well."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True


def identity(path: str) -> tuple[int, int] | None:
    """Return what tells the socket at `path` from another one that takes its place later."""
    try:
        there = os.lstat(path)
    except OSError:
        return None
    return there.st_dev, there.st_ino


def remove(path: str, mine: tuple[int, int] | None) -> None:
    """Remove the socket at `path`, unless it is no longer the one that was made."""
    if mine is not None and identity(path) == mine:
        with contextlib.suppress(OSError):
            os.unlink(path)
