"""The server's side of SOCKS 5: what is asked, what is answered, and that cuts make no difference."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soth_mitm.proto.authority import Authority
from soth_mitm.proto.socks5 import MOST, Reply, Socks5, Socks5Error, State, reply

GREETING = b"\x05\x01\x00"


def domain(name: bytes, port: int) -> bytes:
    return b"\x05\x01\x00\x03" + bytes((len(name),)) + name + port.to_bytes(2, "big")


def drive(data: bytes, *, auth: str = "", step: int = 0) -> tuple[Socks5, bytes, bytes]:
    """Feed a client's bytes as a driver does, `step` at a time; return machine, answers and what is left."""
    machine, answers, seen = Socks5(auth), b"", b""
    left = data
    while machine.state is not State.DONE:
        need = machine.needs(seen) if seen else 1
        while len(seen) < need:
            assert left, f"{need} bytes wanted of {seen!r}"
            size = step or len(left)
            seen, left = seen + left[:size], left[size:]
            need = machine.needs(seen)
        answers += machine.receive(seen[:need])
        seen = seen[need:]
    return machine, answers, seen + left


@pytest.mark.parametrize(
    ("request_", "host"),
    [
        (b"\x05\x01\x00\x01\x01\x02\x03\x04\x01\xbb", "1.2.3.4"),
        (b"\x05\x01\x00\x04" + ipaddress.ip_address("2001:db8::1").packed + b"\x01\xbb", "2001:db8::1"),
        (domain(b"Api.Test", 443), "api.test"),
        (domain(b"1.2.3.4", 443), "1.2.3.4"),
        (domain(b"2001:db8::1", 443), "2001:db8::1"),
        (domain("bücher.test".encode(), 443), "xn--bcher-kva.test"),
    ],
)
@pytest.mark.parametrize("step", [0, 1, 3])
def test_a_request_names_its_target_and_what_follows_is_left(request_: bytes, host: str, step: int) -> None:
    machine, answers, left = drive(GREETING + request_ + b"\x16\x03early", step=step)
    assert machine.target == Authority(host, 443)
    assert answers == b"\x05\x00"
    assert left == b"\x16\x03early"


def test_a_user_and_password_are_checked() -> None:
    data = b"\x05\x02\x00\x02" + b"\x01\x02me\x06secret" + domain(b"a.test", 80)
    machine, answers, left = drive(data, auth="me:secret", step=1)
    assert (machine.user, machine.target, left) == ("me", Authority("a.test", 80), b"")
    assert answers == b"\x05\x02\x01\x00"


@pytest.mark.parametrize("given_", [b"\x01\x02me\x05wrong", b"\x01\x00\x00", b"\x01\x01m\x08e:secret"])
def test_a_wrong_password_is_refused(given_: bytes) -> None:
    with pytest.raises(Socks5Error) as caught:
        drive(b"\x05\x01\x02" + given_, auth="me:secret")
    assert (caught.value.code, caught.value.answer) == ("proxy_auth_wrong", b"\x01\x01")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "auth", "code", "answer"),
    [
        (GREETING, "me:secret", "proxy_auth_required", b"\x05\xff"),
        (b"\x05\x01\x02", "", "socks_no_method", b"\x05\xff"),
        (b"\x05\x00", "", "socks_no_method", b"\x05\xff"),
        (b"\x04\x01\x00\x50\x01\x02\x03\x04\x00", "", "socks4", b"\x00\x5b" + bytes(6)),
        (b"GET / HTTP/1.1\r\n", "", "not_socks", b""),
        (b"\x16\x03\x01", "", "not_socks", b""),
        (GREETING + b"\x04", "", "socks_message_invalid", b""),
        (
            GREETING + b"\x05\x02" + domain(b"a", 1)[2:],
            "",
            "socks_command",
            reply(Reply.COMMAND_NOT_SUPPORTED),
        ),
        (
            GREETING + b"\x05\x03" + domain(b"a", 1)[2:],
            "",
            "socks_command",
            reply(Reply.COMMAND_NOT_SUPPORTED),
        ),
        (
            GREETING + b"\x05\x01\x00\x05abcd",
            "",
            "socks_address_type",
            reply(Reply.ADDRESS_TYPE_NOT_SUPPORTED),
        ),
        (GREETING + domain(b"a.test", 0), "", "invalid_port", reply(Reply.GENERAL_FAILURE)),
        (GREETING + domain(b"", 80), "", "invalid_authority", reply(Reply.GENERAL_FAILURE)),
        (GREETING + domain(b"a b\x1b[2J", 80), "", "invalid_authority", reply(Reply.GENERAL_FAILURE)),
        (GREETING + domain(b"me@a.test", 80), "", "invalid_authority", reply(Reply.GENERAL_FAILURE)),
    ],
)
def test_what_cannot_be_served_has_its_code_and_its_answer(
    data: bytes, auth: str, code: str, answer: bytes
) -> None:
    with pytest.raises(Socks5Error) as caught:
        drive(data, auth=auth)
    assert (caught.value.code, caught.value.answer) == (code, answer)
    assert str(caught.value).isprintable()


@given(
    st.binary(min_size=1, max_size=80).map(lambda tail: GREETING + tail)
    | st.binary(min_size=1, max_size=80)
    | st.binary(max_size=60).map(lambda name: GREETING + domain(name, 80) + b"rest"),
    st.sampled_from(["", "a:b"]),
    st.integers(1, 7),
)
@example(b"\x05\x01\x02\x01\x01a\x01b" + domain(b"x", 9), "a:b", 2)
def test_cuts_make_no_difference_and_nothing_else_is_raised(data: bytes, auth: str, step: int) -> None:
    assert outcome(data, auth=auth, step=step) == outcome(data, auth=auth, step=0)


def outcome(data: bytes, *, auth: str, step: int) -> object:
    try:
        machine, answers, left = drive(data, auth=auth, step=step)
    except Socks5Error as error:
        return error.code, error.answer
    except AssertionError:
        return "wants more"
    return machine.target, machine.user, answers, left


@given(st.binary(max_size=600))
def test_no_message_wants_more_than_is_looked_at(data: bytes) -> None:
    for state in (State.GREETING, State.PASSWORD, State.REQUEST):
        machine = Socks5("a:b")
        machine.state = state
        try:
            assert machine.needs(data) <= MOST
        except Socks5Error:
            continue
