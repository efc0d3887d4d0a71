"""The set-up card says what is so of the CA, and how far a client has come."""

from __future__ import annotations

import msgspec
from textual.geometry import Region

from soth_mitm.config import Config
from soth_mitm.model import events as e
from soth_mitm.record.session import SessionFacts
from soth_mitm_tui.setup import commands, setup_lines
from tests.tui.stage import stage


def card(facts: SessionFacts) -> str:
    lines = setup_lines(facts, Config(), flows=0)
    return "\n".join("".join(text for text, _ in each.spans) for each in lines)


def ca(*, private: bool | None, trusted: bool | None, not_after: int = 2_100_000_000) -> SessionFacts:
    return SessionFacts(ca=e.CaLoaded("/c/ca.pem", "9F:3C", "EC P-256", False, not_after, private, trusted))


def test_what_is_known_of_the_ca_is_said() -> None:
    text = card(ca(private=True, trusted=False))
    assert "valid until 2036-07-18 · only you can read its key · not in the system's trust store" in text
    assert "· in the system's trust store" in card(ca(private=True, trusted=True))


def test_a_fingerprint_ends_its_rows_between_bytes() -> None:
    facts = ca(private=True, trusted=False)
    assert facts.ca is not None
    facts.ca = msgspec.structs.replace(facts.ca, fingerprint_sha256=":".join(["9F"] * 32))
    *_, first, second = card(facts).splitlines()
    assert first == f"      SHA-256 {'9F:' * 16}"
    assert second.strip() == ":".join(["9F"] * 16)
    assert len(second) - len(second.lstrip()) == 14


def test_a_key_that_others_can_read_is_a_warning() -> None:
    text = card(ca(private=False, trusted=False))
    assert "▲ others can read the CA's key" in text
    assert "only you can read" not in text


def test_what_an_older_or_hostile_recording_does_not_tell_is_left_out() -> None:
    text = card(ca(private=None, trusted=None, not_after=2**62))
    assert "trust store" not in text
    assert "its key" not in text
    assert "valid until" not in text


def test_the_steps_turn_green_one_by_one() -> None:
    facts = ca(private=True, trusted=False)
    assert card(facts).count("✓") == 0
    facts.connections = facts.connects = facts.handshakes = 1
    text = card(facts)
    assert text.count("✓") == 3
    assert "◌ waiting for a client that trusts the CA" in text
    facts.decrypted = 1
    assert card(facts).count("✓") == 4


def test_a_refused_certificate_is_said_at_once_with_what_to_do() -> None:
    facts = ca(private=True, trusted=False)
    facts.connections = facts.connects = facts.refused = 1
    text = card(facts)
    assert "✕ a client refused our certificate" in text
    assert "Give it the CA" in text


def listening(*places: tuple[str, int, str]) -> SessionFacts:
    facts = ca(private=True, trusted=False)
    facts.listeners.extend(places)
    return facts


def test_every_place_is_said_with_its_mode_and_the_one_for_clients_comes_first() -> None:
    facts = listening(("::1", 8081, "reverse:https://api.test"), ("127.0.0.1", 8080, "regular"))
    text = card(facts)
    first, second = (line for line in text.splitlines() if "Listening on" in line)
    assert first.strip() == "● Listening on 127.0.0.1:8080"
    assert second.split() == ["●", "Listening", "on", "[::1]:8081", "reverse:https://api.test"]
    assert "curl -x http://127.0.0.1:8080" in text


def test_what_to_try_fits_the_mode() -> None:
    def tried(*place: str | int) -> str:
        return commands(listening(place), Config()).try_out  # type: ignore[arg-type]

    assert tried("127.0.0.1", 1080, "socks5").startswith("curl -x socks5h://127.0.0.1:1080 --cacert")
    assert tried("0.0.0.0", 8081, "reverse:http://a") == "curl http://127.0.0.1:8081/"
    assert tried("/run/x.sock", 0, "unix").startswith("curl --unix-socket /run/x.sock --request-target http")
    assert tried("127.0.0.1", 8082, "upstream:http://b:1").startswith("curl -x http://127.0.0.1:8082")


async def test_the_card_is_wrapped_even_where_it_is_drawn_before_it_knows_its_size() -> None:
    async with stage(lambda script: None, size=(80, 24)) as staged:
        card = staged.main.card
        wrapped = staged.shown(card)
        assert "alone" in wrapped
        card.layout_of.width = 0
        card.layout_of.forget()
        card._sight = None
        strips = card.render_lines(Region(0, 0, *card.size))
        assert [strip.text.rstrip() for strip in strips] == wrapped.split("\n")
