"""A lab whose traffic is recorded, so that it can be sent again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from soth_mitm.config import Limits
from soth_mitm.record.livestore import LiveStore
from soth_mitm.record.resending import Resend, resend_of
from soth_mitm.record.store import Store
from tests.helpers.net import Lab


class Recorded:
    """A lab and the store of what happens in it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.store: LiveStore

    async def start(self, **settings: Any) -> None:  # noqa: ANN401 - as `Lab.start`
        """Start the proxy, and record it from there on."""
        proxy = await self.lab.start(**settings)
        self.store = Store.live(proxy.bus, run_id=proxy.run_id, limits=Limits())

    async def resend(self, flow: int = 1) -> Resend:
        """Return the request of a flow, once that has ended."""
        await self.lab.settled()
        return await resend_of(self.store, flow)


@pytest.fixture
async def recorded(lab: Lab) -> AsyncIterator[Recorded]:
    made = Recorded(lab)
    yield made
    await lab.stop()
    if hasattr(made, "store"):
        await made.store.close(delete=True)
