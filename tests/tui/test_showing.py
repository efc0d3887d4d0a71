"""Choices of decoders: the flow's before the type's, and not without end."""

from __future__ import annotations

from soth_mitm.decode.about import About
from soth_mitm_tui.state import State
from soth_mitm_tui.viewers.showing import AUTO, KEPT_FLOWS, KEPT_TYPES, Showing

ABOUT = About(b"Application/X-Thing; v=1", response=True)


def test_a_choice_for_a_flow_comes_before_that_for_its_type() -> None:
    showing = Showing(State())
    assert showing.decoder(1, ABOUT) == ""
    showing.choose_for_kind(ABOUT, "msgpack")
    assert (showing.decoder(1, ABOUT), showing.decoder(2, ABOUT)) == ("msgpack", "msgpack")
    showing.choose(1, ABOUT, "hex")
    assert (showing.decoder(1, ABOUT), showing.decoder(2, ABOUT)) == ("hex", "msgpack")
    showing.choose(1, ABOUT, AUTO)
    assert (showing.decoder(1, ABOUT), showing.decoder(2, ABOUT)) == ("", "msgpack")
    assert showing.decoder(2, ABOUT._replace(content_type=b"text/plain")) == ""


def test_choices_for_types_are_there_in_the_next_run_and_strange_ones_are_not() -> None:
    state = State()
    state.set(
        "bodies", "decoders", {"application/x-thing": "msgpack", "text/x": "no such", "text/y": "empty"}
    )
    showing = Showing(state)
    assert showing.for_kind(ABOUT) == "msgpack"
    assert showing.for_kind(About(b"text/x")) == showing.for_kind(About(b"text/y")) == ""
    showing.choose_for_kind(ABOUT, "")
    assert Showing(state).for_kind(ABOUT) == ""


def test_the_oldest_choices_are_forgotten() -> None:
    showing = Showing(State())
    for number in range(KEPT_FLOWS + 1):
        showing.choose(number, ABOUT, "hex")
    assert (showing.for_flow(0, ABOUT), showing.for_flow(1, ABOUT)) == ("", "hex")
    for number in range(KEPT_TYPES + 1):
        showing.choose_for_kind(About(b"text/x%d" % number), "hex")
    assert (showing.for_kind(About(b"text/x0")), showing.for_kind(About(b"text/x1"))) == ("", "hex")


def test_messages_without_a_type_are_a_kind_of_their_own() -> None:
    assert Showing.kind_of(About(form="ws", label="binary")) == "ws binary"
    assert Showing.kind_of(About()) == "no type"
