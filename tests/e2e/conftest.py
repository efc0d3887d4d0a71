"""What the tests of the whole program share: certificates, and a proxy that accepts any upstream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.proxied import Proxied
from tests.helpers.origins import Authority
from tests.helpers.program import running


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory for all tests of a module."""
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="module")
def authority(place: Path) -> Authority:
    """Return the authority of the origins."""
    return Authority(place)


@pytest.fixture(scope="module")
def proxied(place: Path) -> Iterator[Proxied]:
    """Run `soth-mitm --dump -k -p 0` for all tests of a module."""
    with running("--dump", "-k", "-p", "0", home=place) as program:
        yield Proxied(program, place)
