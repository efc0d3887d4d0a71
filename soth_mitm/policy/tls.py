"""How TLS is spoken with one upstream, as a value: part of a decision, and of an upstream's identity."""

from __future__ import annotations

from typing import NamedTuple

from soth_mitm.config import ClientCertMode, HostRule, SniMode, TlsProfile, TlsSettings


class UpstreamRule(NamedTuple):
    """The settings that one upstream is met with. Hashable: upstreams that differ in it share nothing."""

    profile: TlsProfile = "default"
    sni: SniMode = "auto"
    roots: str = ""
    """`os`, `certifi` or a PEM file; empty: what holds for all upstreams."""
    client_cert: str = ""
    client_cert_mode: ClientCertMode = "if-requested"

    @classmethod
    def of(cls, tls: TlsSettings, rule: HostRule | None = None) -> UpstreamRule:
        """Return what holds for all hosts, under what a rule says for its own."""
        if rule is None:
            rule = HostRule(match="*")
        return cls(
            rule.tls_profile or tls.profile,
            rule.sni or tls.sni,
            rule.roots,
            rule.client_cert or tls.client_cert,
            rule.client_cert_mode or tls.client_cert_mode,
        )

    @property
    def shown_cert(self) -> str:
        """The file of the client certificate that is shown where the upstream asks; empty for none."""
        return "" if self.client_cert_mode == "never" else self.client_cert

    @property
    def overrides(self) -> tuple[str, ...]:
        """What differs from the defaults, as the event tells it."""
        named = (
            f"tls_profile={self.profile}" if self.profile != "default" else "",
            f"sni={self.sni}" if self.sni != "auto" else "",
            "roots" if self.roots else "",
            "client_cert" if self.shown_cert else "",
            f"client_cert_mode={self.client_cert_mode}" if self.client_cert_mode != "if-requested" else "",
        )
        return tuple(name for name in named if name)
