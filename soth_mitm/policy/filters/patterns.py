"""Compiling the regular expressions that people write."""

from __future__ import annotations

import re
import warnings
from typing import AnyStr


def compiled(source: AnyStr, flags: int) -> re.Pattern[AnyStr]:
    """Compile an expression without a word about what a later Python may take it for.

    Raises:
        re.error: it is none.
        OverflowError, RecursionError: it is too large.
    """
    with warnings.catch_warnings():
        # "Possible nested set": said on stderr, which is where the app draws.
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(source, flags)
