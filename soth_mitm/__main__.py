"""`python -m soth_mitm` is `soth-mitm`."""

from __future__ import annotations

import sys

from soth_mitm.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
