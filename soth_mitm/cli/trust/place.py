"""Where trust stores are: those of this machine, or of a directory that stands for one."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = "SOTH_MITM_TRUST_ROOT"
"""A directory that stands for `/`: nothing outside is touched then, and no program outside is run."""

_TOOLS = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")


class Place(NamedTuple):
    """A machine, as far as trust stores go."""

    system: str
    """As `sys.platform` has it."""
    root: Path
    home: Path
    privileged: bool
    """Whether the system's store may be written to."""
    played: bool = False
    """Whether `root` only stands for the machine's own."""

    @classmethod
    def here(cls) -> Place:
        """Return this machine, or the directory that the environment names in its stead."""
        played = os.environ.get(ROOT)
        if played:
            root = Path(played)
            return cls("linux", root, root / "home", privileged=True, played=True)
        privileged = not hasattr(os, "geteuid") or os.geteuid() == 0
        return cls(sys.platform, Path("/"), Path.home(), privileged)

    def tool(self, name: str) -> str | None:
        """Return the path of a program; None where there is none."""
        if self.played:
            return shutil.which(name, path=os.pathsep.join(str(self.root / part) for part in _TOOLS))
        found = shutil.which(name)
        if found is None and self.system.startswith("linux"):  # where only root's shell looks
            found = shutil.which(name, path=os.pathsep.join(f"/{part}" for part in _TOOLS))
        return found

    def at(self, path: str) -> Path:
        """Return an absolute path of the machine, as it is reached from here."""
        return self.root / path.lstrip("/")
