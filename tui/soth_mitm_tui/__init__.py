"""The terminal app: screens, widgets and keys over the core's record.

It reads `record`, `model`, `decode`, `export`, `policy`, `text` and `config` of `soth_mitm`, and
writes through `control` alone. Nothing here opens a socket or judges a byte.
"""

from __future__ import annotations

import os

# How long Textual waits after an escape for the rest of a sequence, in milliseconds; it reads this when it
# is imported. Its own 100 are felt at every escape; terminals send their sequences within a few.
os.environ.setdefault("ESCDELAY", "40")
