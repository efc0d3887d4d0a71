"""A gRPC call is recognised, and its status read, from heads, paths and trailers."""

from __future__ import annotations

import pytest

from soth_mitm.proto.grpc_status import (
    Method,
    Status,
    at_deadline,
    detection,
    family,
    method_of,
    status_of,
    timeout_in,
    unescape,
    web_trailers_note,
)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (b"application/grpc", "grpc"),
        (b"application/grpc+proto", "grpc"),
        (b"APPLICATION/GRPC; charset=x", "grpc"),
        (b"application/grpc-web+json", "grpc-web"),
        (b"application/grpc-web-text", "grpc-web-text"),
        (b"application/connect+proto", "connect"),
        (b"application/grpcish", ""),
        (b"application/json", ""),
        (b"", ""),
    ],
)
def test_a_content_type_names_the_framing(content_type: bytes, expected: str) -> None:
    assert family(content_type) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/shop.v1.Orders/Get", Method("shop.v1.Orders", "Get")),
        (b"/api/shop.Orders/List?x=1", Method("shop.Orders", "List")),
        (b"/v1/items", None),
        (b"/Greeter/SayHello", None),
        (b"/a.b/c/d", None),
        (b"/", None),
        (b"", None),
        (b"/a..b/c", None),
        (b"/index.html", None),
    ],
)
def test_a_path_names_a_method_only_with_a_package(path: bytes, expected: Method | None) -> None:
    assert method_of(path) == expected


def test_where_it_is_sure_a_service_needs_no_package() -> None:
    assert method_of(b"/Greeter/SayHello", sure=True) == Method("Greeter", "SayHello")


def test_how_a_call_was_recognised_is_said() -> None:
    assert detection(b"application/grpc", b"/a.B/C") == "content_type_and_path"
    assert detection(b"application/grpc", b"/x") == "content_type"
    assert detection(b"", b"/a.B/C") == "path"
    assert detection(b"text/html", b"/x") == ""


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"grpc-status: 0\r\n", Status(0, "")),
        (b"Grpc-Status: 5\r\nGrpc-Message: no%20such%20order\r\n", Status(5, "no such order")),
        (
            b"HTTP/1.1 200 OK\r\ngrpc-status: 13\r\ngrpc-message: caf%C3%A9 100%\r\n\r\n",
            Status(13, "café 100%"),
        ),
        (b"grpc-status: x\r\n", None),
        (b"grpc-status: -1\r\n", None),
        (b"grpc-status: 99999999999\r\n", None),
        (b"content-type: a\r\n", None),
        (b"", None),
    ],
)
def test_the_status_is_read_from_trailers_and_heads(raw: bytes, expected: Status | None) -> None:
    assert status_of(raw) == expected


def test_a_status_has_its_name_or_its_number() -> None:
    assert [Status(code, "").name for code in (0, 5, 16, 17)] == ["OK", "NOT_FOUND", "UNAUTHENTICATED", "17"]


def test_a_message_is_percent_decoded_and_bounded() -> None:
    assert unescape(b"%zz%4") == "%zz%4"
    assert unescape(b"%FF%FE") == "��"
    assert len(unescape(b"%41" * 100_000)) == 2048


def test_the_trailers_of_grpc_web_give_a_note() -> None:
    assert web_trailers_note(b"grpc-status:0\r\n") == "0"
    assert web_trailers_note(b"Grpc-Status: 7\r\ngrpc-message: no\r\n") == "7 no"
    assert web_trailers_note(b"\xff") == ""


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"100m", 0.1),
        (b" 2S", 2.0),
        (b"1M", 60.0),
        (b"99999999H", 99999999 * 3600.0),
        (b"250000u", 0.25),
        (b"5n", 5e-9),
        (b"100", None),
        (b"100s", None),
        (b"-1S", None),
        (b"123456789S", None),
        (b"", None),
    ],
)
def test_the_time_that_a_call_may_take_is_read_in_its_units(value: bytes, seconds: float | None) -> None:
    read = timeout_in([(b"te", b"trailers"), (b"Grpc-Timeout", value)])
    assert read == (None if seconds is None else pytest.approx(seconds))
    assert timeout_in([]) is None


@pytest.mark.parametrize(
    ("allowed", "taken", "inferred"),
    [
        (10.0, 9.7, True),
        (10.0, 10.9, True),
        (10.0, 4.0, False),
        (10.0, 11.2, False),
        (0.1, 0.09, True),
        (0.1, 0.05, False),
        (0.005, 0.0, True),
        (3600.0, 3700.0, True),
    ],
)
def test_a_call_that_ends_about_when_its_time_is_up_is_taken_to_end_for_that(
    allowed: float, taken: float, inferred: bool
) -> None:
    assert at_deadline(allowed, taken) is inferred
