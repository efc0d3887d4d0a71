"""What a call costs by the list of the model's maker; nothing where that is not known for sure.

The list is a file that comes with the program, with its source and its day; nobody is asked. A name that is
not in it, a price that has run out, another tier of service and sound among the tokens all mean: no cost.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    from soth_mitm.decode.llm.conversation import Usage

_DATED: Final = re.compile(r"(?:[-@]\d{8}|-\d{4}-\d\d-\d\d|-\d\d-\d\d(?:\d\d)?|-\d{3}|-latest)$")
"""What a version of a model has behind its name, without another price."""

_USUAL: Final = frozenset({"", "default", "standard", "auto", "STANDARD", "ON_DEMAND"})
"""Tiers of service that the list is for."""

_PICO: Final = 1_000_000
"""A dollar for a million tokens is so many millionths of a millionth of a dollar for each."""


class _Rates(msgspec.Struct, rename={"input": "in", "output": "out"}):
    """Dollars for a million tokens."""

    input: float
    output: float
    cached: float | None = None
    written: float | None = None
    written_1h: float | None = None
    tokens: int = 0
    """Of `above`: the size of the input beyond which these hold."""


class _Price(_Rates, rename={"input": "in", "output": "out"}):
    until: str = ""
    """The day from which on another price holds, which is not known here."""
    above: _Rates | None = None


class _List(msgspec.Struct):
    source: str
    date: str
    unit: str
    models: dict[str, _Price]


class Cost(NamedTuple):
    """What a call costs."""

    nano: int
    """In billionths of a US dollar."""
    date: str
    """The day of the list."""


@lru_cache(maxsize=1)
def price_list() -> _List:
    """Return the list; it is read once, in about two milliseconds."""
    data = files("soth_mitm.decode.llm").joinpath("prices.json").read_bytes()
    return msgspec.json.decode(data, type=_List)


def known_price(model: str) -> _Price | None:
    """Return the price of a model, by its name as the provider tells it; None where it is not known."""
    models = price_list().models
    name = model.removeprefix("models/")
    return models.get(name) or models.get(_DATED.sub("", name))


def cost_of(model: str, usage: Usage, *, tier: str = "", wall_ns: int = 0) -> Cost | None:
    """Return what the tokens of a call cost; None where one of its numbers or prices is not known.

    `wall_ns` is when it was made; 0 does not ask whether the price had run out by then.
    """
    price = known_price(model)
    if price is None or usage.sound or tier not in _USUAL or usage.input is None or usage.output is None:
        return None
    if (
        price.until
        and wall_ns
        and datetime.fromtimestamp(wall_ns / 1e9, UTC).date().isoformat() >= price.until
    ):
        return None
    total = usage.all_input or 0
    rates: _Rates = price
    if price.above is not None and total > price.above.tokens:
        rates = price.above
    pico = _pico_of(usage, rates)
    return None if pico is None else Cost(round(pico / 1000), price_list().date)


def _pico_of(usage: Usage, rates: _Rates) -> float | None:
    cached, written, longer = usage.cached or 0, usage.written or 0, usage.written_1h or 0
    plain = (usage.all_input or 0) - cached - written
    written_rate = rates.written if rates.written is not None or not usage.cached_inside else rates.input
    shares = (
        (plain, rates.input),
        (cached, rates.cached),
        (written - longer, written_rate),
        (longer, rates.written_1h),
        (usage.all_output or 0, rates.output),
    )
    sum_ = 0.0
    for count, rate in shares:
        if count < 0 or (count and rate is None):
            return None
        sum_ += count * (rate or 0.0) * _PICO
    return sum_
