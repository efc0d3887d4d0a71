"""Where the next message of an AWS event stream begins."""

from __future__ import annotations

import pytest

from soth_mitm.proto import aws_prelude
from soth_mitm.proto.aws_events import event
from soth_mitm.proto.aws_prelude import next_prelude, prelude_of


def test_behind_a_run_of_zeros_a_message_is_found_without_a_sum_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[int] = []

    def look(data: bytes, at: int = 0) -> aws_prelude.Prelude:
        looked.append(at)
        return prelude_of(data, at)

    monkeypatch.setattr(aws_prelude, "prelude_of", look)
    assert next_prelude(bytes(10_000) + event("x", b"{}")) == 10_000
    assert len(looked) < 5
