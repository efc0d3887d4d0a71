"""docs/limits.md lists every budget, as the code has it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from soth_mitm.config import Limits
from soth_mitm.model.limits import DEFAULTS, LIMITS, OF_CODE

SOURCE = Path(__file__).parents[2] / "soth_mitm"
UNCOUNTED = {
    **dict.fromkeys(
        ("tunnel_pipe_bytes", "h2_stream_window", "h2_stream_window_max", "h2_connection_window"),
        "flow control: that a sender waits is the rule, and takes no code of ours to happen",
    ),
    **dict.fromkeys(("h2_flood_window", "breaker_window"), "only the time over which others are counted"),
    **dict.fromkeys(
        (
            "document_bytes",
            "pretty_bytes",
            "search_matches",
            "search_body_bytes",
            "message_rows",
            "edit_bytes",
        ),
        "of a reader, not of the proxy; said where it shows",
    ),
    **dict.fromkeys(("spill_bytes", "memory_spill_bytes"), "counted by the recorder: it is given the name"),
    "list_rows": "counted by the list, which the page of limits asks",
    "process_cache": "what falls out is found again",
}
"""Budgets without a counter of the run, and why."""
PAGE = Path(__file__).parents[2] / "docs" / "limits.md"


def row(name: str) -> str:
    limit = next(each for each in LIMITS if each.name == name)
    default = f"{limit.default:,.0f}" if limit.default == int(limit.default) else f"{limit.default:g}"
    return f"| `{limit.name}` | {default} {limit.unit} | {limit.action} | `{limit.code}` |"


def test_the_page_has_one_row_for_each_limit_and_none_besides() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert rows == [row(limit.name) for limit in LIMITS]


def test_the_settings_take_their_defaults_from_the_table() -> None:
    assert {field.name: field.default for field in msgspec.structs.fields(Limits)} == DEFAULTS


@pytest.mark.parametrize("name", [limit.name for limit in LIMITS if limit.name not in UNCOUNTED])
def test_that_it_was_used_up_is_counted(name: str, source: str) -> None:
    counted = bool(re.search(rf"""\b(?:hit|late|limit_reached)\(\s*"{name}\"""", source))
    by_code = [code for code, limit in OF_CODE.items() if limit == name and f'"{code}"' in source]
    assert counted or by_code, f"nothing counts {name} in Counters"


@pytest.fixture(scope="module")
def source() -> str:
    files = [path for path in SOURCE.rglob("*.py") if path.name != "limits.py"]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)
