"""The example of docs/embedding.md runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "log_requests.py"


@pytest.fixture
def proxy() -> object:
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE), "0"], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        match = re.fullmatch(r"listening on (127\.0\.0\.1:\d+)\n", line)
        assert match is not None, line
        yield match[1], process.stdout
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def test_the_example_answers_refuses_and_tells(proxy: tuple[str, object]) -> None:
    address, output = proxy
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": f"http://{address}"}))
    with opener.open("http://shop.invalid/hello", timeout=10) as response:
        assert response.read() == b"hello from the proxy\n"
    with pytest.raises(urllib.error.HTTPError) as refused:
        opener.open("http://shop.invalid/admin", timeout=10)
    assert refused.value.code == 403
    assert b"not today" in refused.value.read()
    refused.value.close()
    lines = [output.readline() for _ in range(4)]  # type: ignore[attr-defined]
    assert lines == [
        "flow 1: 200 OK\n",
        "flow 1: responded\n",
        "flow 2: 403 Forbidden\n",
        "flow 2: blocked\n",
    ]
