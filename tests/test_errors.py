"""What is said about values of the wrong type, from what msgspec says of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec
import pytest

from soth_mitm.errors import in_words


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    colours: tuple[Colour, ...] = ()
    size: float | None = None
    on: bool = False


class Outer(msgspec.Struct):
    count: int = 0
    rows: list[Inner] = []
    speed: Literal["slow", "slower"] | None = None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"count": "3"}, "count must be a whole number, not text"),
        ({"rows": {}}, "rows must be a list, not a table"),
        ({"rows": [{}]}, "name is missing in rows[0]"),
        ({"rows": [{"name": 3}]}, "rows[0].name must be text, not a whole number"),
        ({"rows": [{"name": "a", "on": "yes"}]}, "rows[0].on must be true or false, not text"),
        (
            {"rows": [{"name": "a", "size": []}]},
            "rows[0].size must be a number or nothing, not a list",
        ),
        (
            {"rows": [{"name": "a", "colours": ["tea"]}]},
            "rows[0].colours[0] cannot be 'tea': choose one of red, blue",
        ),
        ({"speed": "fast"}, "speed cannot be 'fast': choose one of slow, slower"),
        ({"rows": [{"name": "a", "hue": 1}]}, "there is no hue in rows[0]"),
        ("x", "this must be a table, not text"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_in_plain_words(given: object, said: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(given, Outer)
    assert in_words(str(caught.value), Outer) == said


def test_what_is_not_known_stays_as_it_is() -> None:
    assert in_words("the moon is full", Outer) == "the moon is full"
