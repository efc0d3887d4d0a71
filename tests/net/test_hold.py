"""A message that is held: how long its body is waited for."""

from __future__ import annotations

import asyncio

import pytest

from soth_mitm.net import tasks
from soth_mitm.net.hold import BodyLate, Hold
from soth_mitm.proto.http1 import Body, End


def _nothing() -> None:
    """Neither more nor less is to come."""


async def test_who_asks_for_a_late_body_after_another_does_not_wait_once_more() -> None:
    hold = Hold(limit=100, more=_nothing, enough=_nothing)
    with pytest.raises(BodyLate):
        await hold.collect(0.001)
    with pytest.raises(BodyLate, match=r"hold_seconds \(3600 s\)"):
        await asyncio.wait_for(hold.collect(3600), 5)


async def test_a_late_body_that_has_come_meanwhile_is_given() -> None:
    hold = Hold(limit=100, more=_nothing, enough=_nothing)
    with pytest.raises(BodyLate):
        await hold.collect(0.001)
    patient = tasks.start(hold.collect(), "a patient one")
    hold.add([Body(b"late", b"late"), End(b"", b"")])
    assert await hold.collect(3600) == await patient == b"late"
