"""docs/tls.md lists what the code knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from soth_mitm.net.tls import keyfiles, mint, reasons
from soth_mitm.net.tls.reasons import Reason

PAGE = (Path(__file__).parents[3] / "docs" / "tls.md").read_text(encoding="utf-8")


def rows(table: dict[str, Reason]) -> str:
    return "\n".join(
        f"| `{code}` | `{each.failure_class}` | {each.meaning} |" for code, each in table.items()
    )


@pytest.mark.parametrize(("name", "table"), [("client", reasons.CLIENT), ("upstream", reasons.UPSTREAM)])
def test_the_page_lists_every_reason_as_the_code_has_it(name: str, table: dict[str, Reason]) -> None:
    match = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", PAGE, re.DOTALL)
    assert match is not None
    _, _, body = match[1].partition("|---|---|---|\n")
    assert body == rows(table)


def test_the_page_has_the_numbers_of_the_code() -> None:
    assert f"valid for {mint.CA_YEARS} years" in PAGE
    assert f"for {mint.LEAF_DAYS} days ahead" in PAGE
    assert f"{mint.BACKDATED.days} days ago" in PAGE
    assert f"larger than {keyfiles.MAX_PEM // 1024} KiB" in PAGE
    assert all(name in PAGE for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "certifi", "truststore"))
