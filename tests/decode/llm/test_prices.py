"""What a call costs: by hand, and not at all where something is not known."""

from __future__ import annotations

import pytest

from soth_mitm.decode.llm.conversation import Usage
from soth_mitm.decode.llm.prices import cost_of, known_price, price_list

_DAY = 86_400 * 1_000_000_000
_IN_2026, _IN_2027 = 20_700 * _DAY, 20_900 * _DAY


def usage(*, inside: bool = True, sound: bool = False, **numbers: int) -> Usage:
    """Return a record of usage."""
    made = Usage()
    made.cached_inside, made.sound = inside, sound
    made.put(**numbers)
    return made


@pytest.mark.parametrize(
    ("model", "used", "dollars"),
    [
        ("gpt-4o", usage(input=1_000_000, output=100_000), 2.5 + 1.0),
        ("gpt-4o-2024-08-06", usage(input=1000, cached=400, output=10), (600 * 2.5 + 400 * 1.25 + 100) / 1e6),
        (
            "claude-opus-4-5-20251101",
            usage(inside=False, input=10, cached=1000, written=500, written_1h=200, output=7),
            (10 * 5 + 1000 * 0.5 + 300 * 6.25 + 200 * 10 + 7 * 25) / 1e6,
        ),
        ("claude-sonnet-4-5", usage(inside=False, input=200_000, output=1000), 0.6 + 0.015),
        ("claude-sonnet-4-5", usage(inside=False, input=200_001, output=1000), 200_001 * 6 / 1e6 + 0.0225),
        ("models/gemini-2.5-flash", usage(input=1000, output=1000), (1000 * 0.3 + 1000 * 2.5) / 1e6),
    ],
)
def test_a_cost_is_what_one_works_out_by_hand(model: str, used: Usage, dollars: float) -> None:
    cost = cost_of(model, used)
    assert cost is not None
    assert cost.nano == round(dollars * 1e9)
    assert cost.date == price_list().date


@pytest.mark.parametrize(
    "model", ["", "m-1", "llama3", "gpt-4o-mine", "my/gpt-4o", "claude", "gpt-4o-audio-preview"]
)
def test_a_model_that_is_not_in_the_list_has_no_price(model: str) -> None:
    assert known_price(model) is None
    assert cost_of(model, usage(input=1, output=1)) is None


def test_a_number_that_is_missing_or_means_another_price_leaves_no_cost() -> None:
    assert cost_of("gpt-4o", usage(input=1)) is None
    assert cost_of("gpt-4o", usage(output=1)) is None
    assert cost_of("gpt-4o", usage(input=1, output=1, sound=True)) is None
    assert cost_of("gpt-4o", usage(input=1, cached=2, output=1)) is None
    assert cost_of("gpt-4o-2024-05-13", usage(input=3, cached=2, output=1)) is None
    assert cost_of("gpt-4o", usage(input=1, output=1), tier="priority") is None
    assert cost_of("gpt-4o", usage(input=1, output=1), tier="default") is not None


def test_a_price_that_has_run_out_is_none() -> None:
    assert price_list().models["gemini-3.8-flash"].until == "2027-01-01"
    assert cost_of("gemini-3.8-flash", usage(input=1, output=1), wall_ns=_IN_2026) is not None
    assert cost_of("gemini-3.8-flash", usage(input=1, output=1), wall_ns=_IN_2027) is None


def test_every_price_in_the_list_is_one() -> None:
    for name, price in price_list().models.items():
        for rates in filter(None, (price, price.above)):
            asked = (rates.input, rates.output, rates.cached, rates.written, rates.written_1h)
            assert all(rate is None or 0 <= rate < 1000 for rate in asked), name
