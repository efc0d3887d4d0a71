"""What is written inside the fields, as tables of a head."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

from soth_mitm.model.fields import Fields
from soth_mitm_tui.columns import DOTS
from soth_mitm_tui.viewers.choices import Choices
from soth_mitm_tui.viewers.tables import credentials_of, table

NOW_NS = 1_700_000_000 * 10**9
CLAIMS = base64.urlsafe_b64encode(b'{"sub":"ann","exp":1700000300}').decode().rstrip("=")


def message(direction: str, raw: bytes) -> Any:  # noqa: ANN401 - all that is read of a message
    return SimpleNamespace(direction=direction, fields=Fields.parse(raw))


def lines(of: Any, choices: Choices) -> list[str]:  # noqa: ANN401
    return [each.text for each in table("Credentials", credentials_of(of, NOW_NS), choices, fold="x")]


def test_credentials_are_taken_apart_and_the_secret_ones_masked_until_asked_for() -> None:
    sent = message(
        "request", b"Authorization: Basic YW5uOnMzY3JldA==\r\nProxy-Authorization: Bearer t0ken\r\n"
    )
    masked, choices = lines(sent, Choices()), Choices()
    choices.secrets = True
    assert [line.split() for line in masked[1:]] == [
        ["scheme", "Basic"],
        ["user", "ann"],
        ["password", DOTS],
        ["scheme", "Bearer"],
        ["token", DOTS],
    ]
    shown = lines(sent, choices)
    assert "s3cret" in shown[3]
    assert "t0ken" in shown[5]


def test_a_token_says_when_it_ends_and_a_response_what_it_asks_for() -> None:
    sent = message("request", f"Authorization: Bearer eyJhbGciOiJub25lIn0.{CLAIMS}.\r\n".encode())
    assert "2023-11-14T22:18:20Z (in 5 minutes)" in lines(sent, Choices())[4]
    said = message("response", b'WWW-Authenticate: Basic realm="shop"\r\n')
    assert [line.split() for line in lines(said, Choices())[1:]] == [["scheme", "Basic"], ["realm", "shop"]]
