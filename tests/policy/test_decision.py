"""Which rule decides about a connection, and what its globs match."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.config import Config, HostRule
from soth_mitm.policy.decision import Action, Decision, Policy, compile_glob


@pytest.mark.parametrize(
    ("glob", "host", "port", "matches"),
    [
        ("a.test", "a.test", 443, True),
        ("A.Test", "a.test", 443, True),
        ("a.test", "b.a.test", 443, False),
        ("a.test", "xa.test", 443, False),
        ("*.a.test", "b.a.test", 443, True),
        ("*.a.test", "c.b.a.test", 1, True),
        ("*.a.test", "a.test", 443, True),
        ("*.a.test", "xa.test", 443, False),
        ("a.test:8443", "a.test", 8443, True),
        ("a.test:8443", "a.test", 443, False),
        ("*:8443", "anything", 8443, True),
        ("*:8443", "anything", 443, False),
        ("*.a.test:1", "b.a.test", 1, True),
        ("*.a.test:1", "b.a.test", 2, False),
        ("api-?.test", "api-1.test", 443, True),
        ("api-?.test", "api-12.test", 443, False),
        ("*", "whatever.test", 1, True),
        ("10.0.*", "10.0.1.2", 80, True),
        ("10.0.*", "10.1.1.2", 80, False),
        ("[::1]:443", "::1", 443, True),
        ("[::1]:443", "::1", 80, False),
        ("[::1]", "::1", 80, True),
        ("::1", "::1", 80, True),
        (" a.test ", "a.test", 1, True),
    ],
)
def test_a_glob_matches_hosts_and_ports(glob: str, host: str, port: int, matches: bool) -> None:
    assert compile_glob(glob)(host, port) is matches


@given(host=st.from_regex(r"[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){0,3}", fullmatch=True), port=st.integers(1, 65535))
def test_a_host_as_a_glob_matches_itself_on_every_port_and_nothing_longer(host: str, port: int) -> None:
    matches = compile_glob(host)
    assert matches(host, port)
    assert not matches("x" + host, port)
    assert not matches(host + "x", port)
    assert compile_glob(f"{host}:{port}")(host, port)
    assert not compile_glob(f"{host}:{port}")(host, port % 65535 + 1)


def test_without_a_rule_a_connection_is_intercepted() -> None:
    assert Policy(Config()).decide("a.test", 443) == Decision(Action.INTERCEPT, "default_intercept")


def test_a_block_wins_over_a_tunnel_and_a_tunnel_over_a_rule() -> None:
    rules = (HostRule(match="a.test", action="metadata-only"),)
    both = Policy(Config(block=("a.test",), tunnel=("a.test",), rules=rules))
    assert both.decide("a.test", 443).reason == "block_option"
    tunnelled = Policy(Config(tunnel=("a.test",), rules=rules))
    assert tunnelled.decide("a.test", 443).reason == "tunnel_option"
    ruled = Policy(Config(rules=rules)).decide("a.test", 443)
    assert (ruled.action, ruled.reason, ruled.rule) == (Action.METADATA_ONLY, "rule", "a.test")


def test_a_rule_that_blocks_wins_wherever_it_stands() -> None:
    rules = (HostRule(match="*.test"), HostRule(match="a.test", action="block"))
    assert Policy(Config(rules=rules)).decide("a.test", 1).action is Action.BLOCK


def test_otherwise_the_first_rule_that_matches_decides() -> None:
    rules = (HostRule(match="*.test", action="tunnel"), HostRule(match="a.test", lenient=True))
    decision = Policy(Config(rules=rules)).decide("a.test", 1)
    assert (decision.action, decision.lenient) == (Action.TUNNEL, False)


@pytest.mark.parametrize(("host", "sni"), [("front.test", "a.test"), ("a.test", "front.test")])
def test_a_rule_matches_the_host_or_the_sni(host: str, sni: str) -> None:
    policy = Policy(Config(block=("a.test",)))
    assert policy.decide(host, 443, sni).action is Action.BLOCK


def test_case_and_a_final_dot_make_no_difference() -> None:
    policy = Policy(Config(block=("a.test",)))
    assert policy.decide("A.TEST.", 443).action is Action.BLOCK
    assert policy.decide("x.test", 443, "A.Test.").action is Action.BLOCK


def test_overrides_are_named_and_the_global_switch_adds_to_them() -> None:
    rule = HostRule(match="a.test", lenient=True, no_h2=True, client_cert="me.pem")
    decision = Policy(Config(rules=(rule,))).decide("a.test", 443)
    assert decision.overrides == ("lenient", "no_h2", "client_cert")
    everywhere = Policy(Config(insecure=True, rules=(rule,)))
    assert everywhere.decide("a.test", 443).insecure
    assert everywhere.decide("b.test", 443).insecure


Name = Literal["intercept", "tunnel", "block", "metadata-only"]


@pytest.mark.parametrize("action", ["intercept", "tunnel", "block", "metadata-only"])
def test_every_action_of_a_rule_is_an_action(action: Name) -> None:
    assert Policy(Config(rules=(HostRule(match="*", action=action),))).decide("a", 1).action == action


def test_a_decision_never_changes() -> None:
    decision = Policy(Config()).decide("a.test", 443)
    with pytest.raises(AttributeError):
        decision.insecure = True  # type: ignore[misc]
