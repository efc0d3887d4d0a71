"""Modes as they are written: what each means, and what is said about one that makes no sense."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.config import Config
from soth_mitm.errors import ConfigError
from soth_mitm.policy.modes import Kind, Target, endpoints, parse
from soth_mitm.policy.routes import Hop


@pytest.mark.parametrize(
    ("spec", "kind", "host", "port"),
    [
        ("regular", Kind.REGULAR, None, None),
        ("Regular@8081", Kind.REGULAR, None, 8081),
        ("regular@0", Kind.REGULAR, None, 0),
        ("regular@127.0.0.1:8081", Kind.REGULAR, "127.0.0.1", 8081),
        ("regular@[::1]:8081", Kind.REGULAR, "::1", 8081),
        ("regular@lan.test:8081", Kind.REGULAR, "lan.test", 8081),
        ("socks5", Kind.SOCKS5, None, None),
        ("socks5@1081", Kind.SOCKS5, None, 1081),
        ("transparent@[::]:8082", Kind.TRANSPARENT, "::", 8082),
    ],
)
def test_a_mode_may_name_where_it_listens(spec: str, kind: Kind, host: str | None, port: int | None) -> None:
    mode = parse(spec)
    assert (mode.kind, mode.host, mode.port) == (kind, host, port)
    assert str(mode) == kind


@pytest.mark.parametrize(
    ("spec", "target", "shown"),
    [
        ("reverse:https://api.test", ("https", "api.test", 443), "https://api.test"),
        ("reverse:api.test", ("https", "api.test", 443), "https://api.test"),
        ("reverse:HTTP://Api.Test:80/", ("http", "api.test", 80), "http://api.test"),
        ("reverse:http://[::1]:3000@8081", ("http", "::1", 3000), "http://[::1]:3000"),
        (
            "reverse:h2c://grpc.test:50051@127.0.0.1:8081",
            ("h2c", "grpc.test", 50051),
            "h2c://grpc.test:50051",
        ),
    ],
)
def test_a_reverse_mode_names_its_server(spec: str, target: tuple[str, str, int], shown: str) -> None:
    mode = parse(spec)
    assert mode.target == Target(*target)
    assert str(mode) == f"reverse:{shown}"
    assert mode.port == (8081 if spec.endswith("8081") else None)


@pytest.mark.parametrize(
    ("spec", "hop", "listen"),
    [
        ("upstream:http://proxy.test:3128", Hop("http", "proxy.test", 3128), (None, None)),
        ("upstream:proxy.test", Hop("http", "proxy.test", 80), (None, None)),
        ("upstream:socks5://proxy.test", Hop("socks5", "proxy.test", 1080), (None, None)),
        ("upstream:socks5h://a:b@proxy.test:9", Hop("socks5h", "proxy.test", 9, "a", "b"), (None, None)),
        ("upstream:http://a:b@proxy.test@8081", Hop("http", "proxy.test", 80, "a", "b"), (None, 8081)),
        ("upstream:http://a:b@[::1]:9@[::1]:8081", Hop("http", "::1", 9, "a", "b"), ("::1", 8081)),
        ("upstream:http://proxy.test:3128@8081", Hop("http", "proxy.test", 3128), (None, 8081)),
        ("upstream:http://proxy.test@127.0.0.1:81", Hop("http", "proxy.test", 80), ("127.0.0.1", 81)),
        ("upstream:http://proxy.test:3128@localhost:81", Hop("http", "proxy.test", 3128), ("localhost", 81)),
        ("upstream:http://a:1234@proxy.test:81", Hop("http", "proxy.test", 81, "a", "1234"), (None, None)),
        ("upstream:http://a:b@127.0.0.1:81", Hop("http", "127.0.0.1", 81, "a", "b"), (None, None)),
        ("upstream:http://a%40b:c%2Cd@proxy.test", Hop("http", "proxy.test", 80, "a@b", "c,d"), (None, None)),
    ],
)
def test_an_upstream_mode_names_its_proxy(spec: str, hop: Hop, listen: tuple[str | None, int | None]) -> None:
    mode = parse(spec)
    assert (mode.hop, (mode.host, mode.port)) == (hop, listen)


def test_no_text_of_a_mode_shows_its_password() -> None:
    mode = parse("upstream:http://me:secret@proxy.test")
    assert "secret" not in f"{mode} {mode!r} {mode.hop} {mode.hop!r}"
    assert str(mode) == "upstream:http://proxy.test:80"
    for wrong in ("ftp://me:secret@x", "http://me:secret@x:99999", "http://me:sec/secret@x", "me:secret@@"):
        with pytest.raises(ConfigError) as caught:
            parse(f"upstream:{wrong}")
        assert "secret" not in str(caught.value)


def test_options_stand_behind_commas() -> None:
    mode = parse("reverse:https://api.test@8081,keep-host,proxy-protocol")
    assert (mode.port, mode.keep_host, mode.proxy_protocol) == (8081, True, True)
    assert parse("unix:/run/x.sock").path == "/run/x.sock"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "there is no mode ''"),
        ("regulr", "did you mean regular?"),
        ("dns", "there are regular, upstream, unix, reverse, socks5, transparent"),
        ("regular:x", "nothing but an address"),
        ("regular@", "'' is no port"),
        ("regular@http", "'http' is no port from 0 to 65535"),
        ("regular@70000", "'70000' is no port from 0 to 65535"),
        ("regular@:8080", "no address stands before the port"),
        ("regular@*:8080", "no address stands before the port"),
        ("regular@::1:8080", "the IPv6 address ::1 needs brackets"),
        ("reverse", "the server is missing"),
        ("reverse:@8080", "alone: it can have no path"),
        ("reverse:http://api.test/v1", "it can have no path"),
        ("reverse:quic://api.test", "'quic' is none of http, https, h2c"),
        ("reverse:http://api.test:0", "cannot be read: the port is not a number from 1 to 65535; write"),
        ("reverse:http://me:secret@api.test", "of a server no user can be named"),
        ("upstream:", "the proxy is missing"),
        ("upstream:ftp://proxy.test", "write http://HOST:PORT, https://HOST:PORT"),
        ("upstream:http://me@proxy.test:80", "write user and password as USER:PASSWORD@"),
        ("unix:run/x.sock", "the socket's path must be there"),
        ("unix:/" + "x" * 107, "at most 107 bytes, this one 108"),
        ("socks5,keep-host", "keep-host means nothing here; it is for reverse"),
        ("transparent,proxy-protocol", "proxy-protocol means nothing here"),
        ("regular,proxy-protcol", "did you mean proxy-protocol?"),
    ],
)
def test_a_mode_that_makes_no_sense_is_said_with_what_to_write(spec: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(spec)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@given(
    st.text(max_size=60)
    | st.builds("{}:{}@{}".format, st.sampled_from(list(Kind)), st.text(max_size=30), st.text(max_size=12))
    | st.builds("upstream:http://me:{}@{}".format, st.just("secret"), st.text(max_size=20))
)
def test_whatever_is_written_is_a_mode_or_one_clear_line(spec: str) -> None:
    try:
        told = repr(parse(spec))
    except ConfigError as error:
        told = str(error)
        assert told
    if "me:secret@" in spec and spec.startswith("upstream:http://"):
        assert "secret" not in told.replace(repr(spec.rpartition("@")[2]), "")


def places(*modes: str, **settings: object) -> list[str]:
    config = Config(mode=modes, **settings)  # type: ignore[arg-type]
    return [f"{place.mode} {place}" for place in endpoints(config)]


def test_without_a_mode_there_is_the_regular_one() -> None:
    assert places() == ["regular 127.0.0.1:8080"]
    assert places(listen_host="::1", listen_port=9) == ["regular [::1]:9"]


def test_a_place_of_its_own_goes_before_the_settings() -> None:
    found = places("regular", "socks5", "reverse:http://x@[::1]:1", "unix:/x", listen_host="0.0.0.0")
    assert found == ["regular 0.0.0.0:8080", "socks5 0.0.0.0:1080", "reverse:http://x [::1]:1", "unix /x"]
    assert places("socks5", listen_port=8080) == ["socks5 127.0.0.1:8080"]


def test_two_modes_cannot_listen_at_one_place() -> None:
    with pytest.raises(ConfigError, match=r"both listen on 127.0.0.1:8080; .* as in -m transparent@8081"):
        places("regular", "transparent")
    with pytest.raises(ConfigError, match="both listen on /x"):
        places("unix:/x", "unix:/x")
    assert len(places("regular@0", "socks5@0", "regular@0")) == 3


def test_the_settings_for_all_modes_hold_for_those_they_make_sense_for() -> None:
    config = Config(
        mode=("regular", "reverse:http://x@1", "transparent@2"), keep_host=True, proxy_protocol=True
    )
    modes = [place.mode for place in endpoints(config)]
    assert [mode.keep_host for mode in modes] == [False, True, False]
    assert [mode.proxy_protocol for mode in modes] == [True, True, False]
