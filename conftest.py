"""Give every test the same surroundings, whoever runs it and wherever.

The environment is cleaned while this file is imported, before anything that reads it then: Textual
keeps constants from its first import. The home directory is an empty one, so that no test can read
or touch the person's own CA, settings or recordings.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytest_textual_snapshot"]

OUTSIDE_PROGRAMS = (
    "chromium", "curl", "h2load", "ip", "nft", "nghttp", "nginx", "openssl", "protoc", "tmux", "wrk",
)  # fmt: skip
"""What `@pytest.mark.outside(...)` asks for somewhere; each run says which are missing."""

LONGEST = (
    "tests/tui/test_actions.py",
    "snapshots/test_every_screen.py",
    "tests/cli/test_dump.py",
    "tests/tui/test_viewers.py",
    "snapshots/test_screens.py",
    "tests/cli/test_commands.py",
    "tests/net/test_guards.py",
    "tests/net/test_relay.py",
    "tests/tui/test_messages.py",
    "tests/net/test_conversations.py",
    "tests/hooks/test_handler.py",
    "tests/e2e/test_stream_delay.py",
    "tests/e2e/test_hostile_output.py",
    "tests/e2e/test_crash.py",
    "tests/record/test_document.py",
)
"""The files that take longest, longest first: workers begin with them, and end together."""

SCRUBBED = (
    "NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES", "TMUX", "STY", "SSH_TTY",
    "SSH_CONNECTION", "SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "PYTHONASYNCIODEBUG", "EDITOR", "VISUAL", "PAGER",
)  # fmt: skip
"""Variables that change colours, sizes, trust or programs to start."""

SCRUBBED_PREFIXES = ("TEXTUAL", "SOTH_", "XDG_", "LC_")
SCRUBBED_SUFFIXES = ("_PROXY",)


def _scrub_environment(home: Path) -> None:
    """Remove what could change a result, and point every personal directory below `home`."""
    for name in list(os.environ):
        upper = name.upper()
        if upper in SCRUBBED or upper.startswith(SCRUBBED_PREFIXES) or upper.endswith(SCRUBBED_SUFFIXES):
            del os.environ[name]
    os.environ |= {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "APPDATA": str(home / "AppData" / "Roaming"),
        "LOCALAPPDATA": str(home / "AppData" / "Local"),
        "TEXTUAL_ANIMATIONS": "none",
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        # One root that has signed nothing: reading the system's 150 takes most of the time of a small test.
        "SSL_CERT_FILE": str(Path(__file__).parent / "tests" / "helpers" / "nobody.pem"),
    }
    if sys.platform != "win32":
        time.tzset()
        # Servers are kept where only root's shell looks.
        os.environ["PATH"] = os.pathsep.join(
            (os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin")
        )


def _fix_examples() -> None:
    """Make each run of the property tests the same; `--hypothesis-profile explore` looks for new cases."""
    # How fast examples are made says more about the machine's load than about the test.
    quiet = (HealthCheck.too_slow,)
    settings.register_profile(
        "fixed", derandomize=True, database=None, deadline=None, max_examples=100, print_blob=True,
        suppress_health_check=quiet,
    )  # fmt: skip
    settings.register_profile(
        "explore", database=None, deadline=None, max_examples=5_000, suppress_health_check=quiet
    )
    settings.load_profile("fixed")


HOME = Path(tempfile.mkdtemp(prefix="soth-home-"))
_scrub_environment(HOME)
_fix_examples()


def pytest_collection_finish() -> None:
    """Keep the collector of cycles off what is loaded by now, and let it look at the rest rarely.

    With its usual thresholds it takes a quarter of the time of a test that starts the app.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def pytest_unconfigure() -> None:
    """Remove the home directory of this run."""
    shutil.rmtree(HOME, ignore_errors=True)


def pytest_report_header() -> str:
    """Say which outside programs are missing, and so which tests will be skipped."""
    missing = [program for program in OUTSIDE_PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"outside programs: {', '.join(missing)} missing; the tests that need them are skipped"
    return f"outside programs: {', '.join(OUTSIDE_PROGRAMS)} found"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let workers begin with `LONGEST`; skip tests whose outside programs are missing, with the reason."""
    if hasattr(config, "workerinput"):
        ranks = {config.rootpath / name: rank for rank, name in enumerate(LONGEST)}
        items.sort(key=lambda item: ranks.get(item.path, len(ranks)))
    for item in items:
        wanted = [str(program) for mark in item.iter_markers("outside") for program in mark.args]
        missing = [program for program in wanted if shutil.which(program) is None]
        if missing:
            item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(missing)}, not installed here"))
