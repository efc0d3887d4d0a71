"""docs/limits.md lists every budget, as the code has it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from soth_mitm.config import Limits
from soth_mitm.model.limits import DEFAULTS, LIMITS

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
