"""Which failed handshakes make a host pass through, when, and for how long."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.config import TlsSettings
from soth_mitm.model.tls import Confidence, TlsFailure
from soth_mitm.policy.learning import Learner

HOST = "pinned.test"


def failure(
    reason: str = "client_rejected_ca",
    *,
    peer: Literal["client", "upstream"] = "client",
    confidence: Confidence = "authoritative",
) -> TlsFailure:
    return TlsFailure(
        peer=peer,
        failure_class="unknown_ca",
        reason=reason,
        source="alert",
        confidence=confidence,
        detail="alert",
    )


def learner(**settings: float) -> Learner:
    return Learner(TlsSettings(**settings), capacity=8)  # type: ignore[arg-type]


def test_the_third_refusal_within_the_window_makes_a_host_pass_through() -> None:
    learns = learner()
    judged = [learns.failed(HOST, failure(), now) for now in (0.0, 100.0, 200.0)]
    assert [each.refusals for each in judged] == [1, 2, 3]
    assert [each.learned for each in judged] == [False, False, True]
    assert {(each.decision, each.code) for each in judged} == {("applied", "authoritative")}
    assert (learns.applied, learns.ignored) == (3, 0)
    passing = learns.passes(HOST, 200.0)
    assert passing is not None
    assert (passing.host, passing.refusals, passing.until) == (HOST, 3, 1100.0)


def test_refusals_that_are_too_old_do_not_count() -> None:
    learns = learner()
    for now in (0.0, 200.0, 301.0):
        assert not learns.failed(HOST, failure(), now).learned
    assert learns.passes(HOST, 301.0) is None
    assert learns.failed(HOST, failure(), 400.0).learned, "three within 300 s"


def test_passing_through_ends_and_counting_begins_anew() -> None:
    learns = learner()
    for _ in range(3):
        learns.failed(HOST, failure(), 0.0)
    assert learns.passes(HOST, 899.9) is not None
    assert learns.passes(HOST, 900.0) is None
    assert learns.failed(HOST, failure(), 901.0).refusals == 1


@pytest.mark.parametrize(
    ("failed", "code"),
    [
        (failure(confidence="inferred"), "inferred_signal"),
        (failure("client_closed_silently", confidence="inferred"), "inferred_signal"),
        (failure("unclassified"), "missing_failure_reason"),
        (failure("handshake_timeout"), "not_a_refusal"),
        (failure("no_common_version"), "not_a_refusal"),
        (failure("unknown_issuer", peer="upstream"), "non_authoritative_source"),
    ],
)
def test_what_no_client_has_said_never_teaches_anything(failed: TlsFailure, code: str) -> None:
    learns = learner()
    for _ in range(20):
        judged = learns.failed(HOST, failed, 0.0)
        assert (judged.decision, judged.code, judged.learned) == ("ignored", code, False)
    assert learns.passes(HOST, 0.0) is None
    assert (learns.applied, learns.ignored) == (0, 20)


def test_switched_off_nothing_is_learned_and_what_was_is_intercepted_again() -> None:
    learns = learner()
    for _ in range(3):
        learns.failed(HOST, failure(), 0.0)
    learns.settings = TlsSettings(passthrough_after=0)
    assert learns.passes(HOST, 1.0) is None
    assert learns.failed(HOST, failure(), 1.0).code == "switched_off"


def test_a_client_that_takes_the_certificate_clears_the_count_but_ends_no_passing_through() -> None:
    learns = learner()
    learns.failed(HOST, failure(), 0.0)
    learns.failed(HOST, failure(), 0.0)
    learns.accepted(HOST)
    assert not learns.failed(HOST, failure(), 0.0).learned
    for _ in range(2):
        learns.failed(HOST, failure(), 0.0)
    learns.accepted(HOST)
    assert learns.passes(HOST, 0.0) is not None


def test_a_host_can_be_forgotten() -> None:
    learns = learner()
    assert not learns.forget(HOST)
    learns.failed(HOST, failure(), 0.0)
    assert not learns.forget(HOST), "it was only counted"
    for _ in range(3):
        learns.failed(HOST, failure(), 0.0)
    assert learns.forget(HOST.upper() + ".")
    assert learns.passes(HOST, 0.0) is None


def test_names_are_compared_without_case_and_root_dot() -> None:
    learns = learner(passthrough_after=1)
    learns.failed("Pinned.TEST.", failure(), 0.0)
    assert learns.passes("pinned.test", 0.0) is not None
    assert learns.passes("other.test", 0.0) is None


def test_the_table_is_bounded_and_says_so() -> None:
    told: list[int] = []
    learns = Learner(TlsSettings(passthrough_after=1), capacity=2, full=told.append)
    for number in range(5):
        learns.failed(f"{number}.test", failure(), float(number))
    assert len(learns) == 2
    assert [each.host for each in learns.learned(5.0)] == ["3.test", "4.test"]
    assert len(told) == 3


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 1000)), max_size=60))
def test_no_host_passes_without_enough_refusals_within_the_window(events: list[tuple[str, float]]) -> None:
    learns = learner()
    seen: dict[str, list[float]] = {"a": [], "b": []}
    for host, now in sorted(events, key=lambda each: each[1]):
        judged = learns.failed(host, failure(), now)
        seen[host].append(now)
        if judged.learned:
            assert len([each for each in seen[host] if now - each <= 300]) >= 3
        if learns.passes(host, now) is None:
            assert judged.refusals < 3
