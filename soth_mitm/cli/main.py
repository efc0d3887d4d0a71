"""Entry point: find the command, run it, and turn every failure into one clear line.

Exit codes: 0 done, 1 a defect of soth-mitm, 2 bad usage or settings, 130 interrupted; `run` exits
with its command's own code.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

EXIT_DEFECT = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
DEBUG = "SOTH_MITM_DEBUG"


def main() -> int:
    """Run the command that the arguments name; return the exit code."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from soth_mitm._version import __version__

        sys.stdout.write(f"soth-mitm {__version__}\n")
        return 0
    from soth_mitm.cli import options
    from soth_mitm.errors import SothError

    try:
        parsed = options.parse(arguments)
        return _command(parsed.command)(parsed)
    except SothError as error:
        return _fail(str(error), EXIT_USAGE)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; nothing may be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        text = f"{type(error).__name__}: {error}"
        return _fail(
            f"internal error: {text}; this is a defect: {DEBUG}=1 shows where it came from", EXIT_DEFECT
        )


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    from importlib import import_module

    command: Callable[[argparse.Namespace], int] = import_module(f"soth_mitm.cli.{name}").command
    return command


def _fail(text: str, code: int) -> int:
    from soth_mitm.text import printable

    sys.stderr.write(f"soth-mitm: {printable(text)}\n")
    return code
