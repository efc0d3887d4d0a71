"""How TLS is spoken with an upstream: what holds for all, under what a rule says."""

from __future__ import annotations

from soth_mitm.config import Config, HostRule, TlsSettings
from soth_mitm.policy.decision import Policy
from soth_mitm.policy.tls import UpstreamRule

SETTINGS = TlsSettings(profile="strict", client_cert="all.pem", client_cert_mode="required", sni="required")


def test_without_a_rule_the_settings_hold() -> None:
    assert Policy(Config(tls=SETTINGS)).decide("a.test", 443).tls == UpstreamRule(
        "strict", "required", "", "all.pem", "required"
    )


def test_a_rule_goes_before_the_settings_in_what_it_names() -> None:
    rule = HostRule(match="a.test", tls_profile="compat", client_cert="own.pem", roots="certifi")
    policy = Policy(Config(tls=SETTINGS, rules=(rule,)))
    assert policy.decide("a.test", 443).tls == UpstreamRule(
        "compat", "required", "certifi", "own.pem", "required"
    )
    assert policy.decide("b.test", 443).tls.profile == "strict"


def test_never_shows_no_certificate_although_one_is_set() -> None:
    assert UpstreamRule(client_cert="own.pem", client_cert_mode="never").shown_cert == ""
    assert UpstreamRule(client_cert="own.pem").shown_cert == "own.pem"


def test_what_differs_from_the_defaults_is_told() -> None:
    assert UpstreamRule().overrides == ()
    rule = UpstreamRule("compat", "disabled", "certifi", "own.pem", "required")
    assert rule.overrides == (
        "tls_profile=compat",
        "sni=disabled",
        "roots",
        "client_cert",
        "client_cert_mode=required",
    )
