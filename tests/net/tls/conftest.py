"""Both loops, and what every test of TLS needs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from soth_mitm.net.tls.ca import CertificateAuthority
from soth_mitm.net.tls.leaf import LeafCache
from tests.net.tls.support import Identity, issue

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run[Any]:
    """Run a coroutine on each kind of loop."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    if request.param == "uvloop":
        if sys.platform == "win32":
            pytest.skip("uvloop does not exist here")
        import uvloop

        factory = uvloop.new_event_loop

    def runner(coroutine: Coroutine[Any, Any, T]) -> T:
        with asyncio.Runner(loop_factory=factory) as loop:
            return loop.run(coroutine)

    return runner


@pytest.fixture(scope="session")
def root() -> Identity:
    return issue("Test Root", ca=True)


@pytest.fixture(scope="session")
def root_path(root: Identity, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("root") / "root.pem"
    path.write_bytes(root.certificate_pem)
    return path


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority.load_or_create(tmp_path_factory.mktemp("ca") / "conf")


@pytest.fixture
def leaves(ca: CertificateAuthority) -> LeafCache:
    return LeafCache(ca)
