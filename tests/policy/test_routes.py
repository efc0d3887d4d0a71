"""Through which proxy a target is reached: no_proxy, rules a host, the listener's own."""

from __future__ import annotations

import pytest

from soth_mitm.config import Config, ProxyRule
from soth_mitm.errors import ConfigError
from soth_mitm.policy.routes import Hop, Routes, past

MINE = Hop("http", "mine.test", 3128)


def routes(*rules: tuple[str, str], no_proxy: tuple[str, ...] = (), **environment: str) -> Routes:
    upstream = tuple(ProxyRule(match=match, via=via) for match, via in rules)
    return Routes(Config(upstream=upstream, no_proxy=no_proxy), environment)


def test_without_settings_the_listener_decides() -> None:
    assert routes().choose("a.test", 443) is None
    assert routes().choose("a.test", 443, MINE) is MINE


def test_the_first_rule_that_matches_decides() -> None:
    ways = routes(("*.a.test", "socks5h://s.test"), ("*.test:443", "http://h.test:1"), ("b.test", "direct"))
    assert ways.choose("x.A.test.", 80) == Hop("socks5h", "s.test", 1080)
    assert ways.choose("c.test", 443) == Hop("http", "h.test", 1)
    assert ways.choose("b.test", 80, MINE) is None
    assert ways.choose("elsewhere", 80, MINE) is MINE


def test_no_proxy_goes_before_everything() -> None:
    ways = routes(("*", "http://h.test"), no_proxy=("local.test", "10.0.0.0/8"))
    assert ways.choose("db.local.test", 80, MINE) is None
    assert ways.choose("10.1.2.3", 80) is None
    assert ways.choose("11.1.2.3", 80) == Hop("http", "h.test", 80)


def test_the_variable_counts_only_where_it_is_asked_for() -> None:
    asked = routes(no_proxy=("$NO_PROXY",), NO_PROXY=" a.test , .b.test,")
    assert asked.choose("x.b.test", 80, MINE) is None
    assert asked.choose("c.test", 80, MINE) is MINE
    assert routes(NO_PROXY="*").choose("a.test", 80, MINE) is MINE
    assert routes(no_proxy=("$NO_PROXY",), no_proxy_="x").choose("a.test", 80, MINE) is MINE
    assert routes(no_proxy=("$NO_PROXY",), **{"no_proxy".upper(): "*"}).choose("a.test", 80, MINE) is None


@pytest.mark.parametrize(
    ("entry", "yes", "no"),
    [
        ("*", ["a.test", "1.2.3.4", "::1"], []),
        ("a.test", ["a.test", "x.a.test"], ["ba.test", "a.test.org"]),
        (".a.test", ["a.test", "x.a.test"], ["ba.test"]),
        ("*.a.test", ["a.test", "x.a.test"], ["ba.test"]),
        ("api-*.test", ["api-1.test"], ["api.test"]),
        ("a.test:8443", [], ["a.test"]),
        ("a.test:80", ["a.test", "x.a.test"], ["b.test"]),
        ("127.0.0.1", ["127.0.0.1"], ["127.0.0.2", "localhost"]),
        ("127.0.0.1:80", ["127.0.0.1"], ["127.0.0.2"]),
        ("192.168.0.0/16", ["192.168.9.9"], ["192.169.0.1", "a.test"]),
        ("fd00::/8", ["fd12::1"], ["fe80::1", "10.0.0.1"]),
        ("[::1]", ["::1"], ["::2"]),
        ("[::1]:80", ["::1"], ["::2"]),
        ("localhost", ["localhost"], ["127.0.0.1"]),
    ],
)
def test_entries_of_no_proxy_mean_what_they_mean_to_curl(entry: str, yes: list[str], no: list[str]) -> None:
    matches = past(entry)
    assert [host for host in (*yes, *no) if matches(host, 80)] == yes


def test_a_proxy_that_cannot_be_read_names_its_rule() -> None:
    with pytest.raises(ConfigError, match=r"upstream\[1\].via: 'ftp://x' is no proxy that can be used"):
        routes(("a", "http://x"), ("b", "ftp://x"))
