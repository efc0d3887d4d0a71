"""`soth-mitm doctor --probe HOST`: what a server speaks, whether it is trusted, and what its proofs say."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from soth_mitm.errors import ConfigError, SothError
from soth_mitm.model.checks import Check, Health
from soth_mitm.policy.decision import Policy
from soth_mitm.proto.authority import ConnectError, parse_absolute, parse_authority
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.config import Config
    from soth_mitm.net.tls.evidence import Evidence, Staple
    from soth_mitm.net.tls.probe import Answer
    from soth_mitm.policy.decision import Decision

PATIENCE: Final = 10.0
"""Seconds for each of the two handshakes."""
SOON: Final = timedelta(days=14)
SHOWN: Final = 4
"""Most names, timestamps and addresses in a line."""
MISSING: Final = "pip install pyOpenSSL"


def target_of(text: str) -> tuple[str, int]:
    """Return host and port of `host`, `host:port` or a URL. Raises `ConfigError`."""
    wire = text.strip().encode()
    try:
        found = parse_absolute(wire).authority if b"://" in wire else None
        found = found or parse_authority(wire, default_port=443, bare_ipv6=True)
    except ConnectError as error:
        raise ConfigError(f"--probe {text!r} names no host: {error.detail}") from error
    return found.host, found.port


async def probing(config: Config, host: str, port: int) -> AsyncIterator[Check]:
    """Yield what a server is, as soon as each part is known; never raises for what it finds.

    Two connections are made, directly and not through another proxy: one as the proxy makes it, with
    the settings that hold for the host, and one that asks for a staple.
    """
    from soth_mitm.net.tls.probe import ProbeError, ProbeMissing, probe

    decision = Policy(config).decide(host, port)
    yield await asyncio.to_thread(_trust, config, host, port, decision=decision)
    try:
        answer = await asyncio.to_thread(probe, host, port, name=host, timeout=PATIENCE)
    except ProbeMissing as error:
        text = f"staple and timestamps cannot be read: {error}"
        yield Check("proofs", Health.WARNING, printable(text), MISSING)
        return
    except ProbeError as error:
        yield Check("proofs", Health.FAILED, printable(f"{host}:{port} could not be asked: {error}", 400))
        return
    for check in await asyncio.to_thread(lambda: list(facts(answer, datetime.now(UTC)))):
        yield check


def _trust(config: Config, host: str, port: int, *, decision: Decision) -> Check:
    from soth_mitm.net.tls.failure import classify_upstream
    from soth_mitm.net.tls.roots import choice_of
    from soth_mitm.net.tls.upstream import UpstreamTls

    rule = decision.tls._replace(sni="auto" if decision.tls.sni == "disabled" else decision.tls.sni)
    try:
        tls = UpstreamTls(roots=choice_of(config.upstream_roots), settings=config.tls)
        with socket.create_connection((host, port), PATIENCE) as sock:
            context, name = tls.meet(rule, host, verify=not decision.insecure, alpn=())
            with context.wrap_socket(sock, server_hostname=name) as wrapped:
                version = wrapped.version() or "TLS"
    except socket.gaierror as error:
        return Check("trust", Health.FAILED, printable(f"{host} does not resolve: {error.strerror}", 400))
    except (OSError, SothError, ValueError) as error:
        why = classify_upstream(error, host=host, port=port)
        words = f"{why.reason.replace('_', ' ')}: {why.detail}"
        return Check("trust", Health.FAILED, printable(words, 400), printable(why.hint, 400))
    met = f"the proxy meets it with {version}, profile {rule.profile}"
    if decision.insecure:
        return Check("trust", Health.WARNING, f"{met}, and does not verify its certificate")
    return Check("trust", Health.OK, f"{met}, and trusts its certificate")


def facts(answer: Answer, now: datetime) -> Iterator[Check]:
    """Yield what an answer says, without a connection."""
    from soth_mitm.net.tls import evidence

    alpn = f", ALPN {answer.alpn}" if answer.alpn else ", no ALPN agreed"
    yield Check("TLS", Health.OK, printable(f"{answer.version}, {answer.cipher}{alpn}"))
    if answer.client_cas:
        named = _some(answer.client_cas)
        yield Check("client cert", Health.OK, f"it asks for a client certificate of these CAs: {named}")
    if not answer.chain:
        yield Check("certificate", Health.FAILED, "the server sent none")
        return
    leaf = answer.chain[0]
    yield from _certificate(answer.chain, now)
    try:
        proofs = evidence.read_certificate(leaf)
    except ValueError as error:
        yield Check("proofs", Health.FAILED, printable(f"the certificate cannot be read: {error}", 300))
        return
    staple = None
    if answer.staple:
        staple = evidence.read_staple(answer.staple, leaf, evidence.issuer_of(leaf, answer.chain[1:]))
    yield _revocation(staple, proofs, now)
    yield _transparency(staple, proofs)


def _certificate(chain: tuple[bytes, ...], now: datetime) -> Iterator[Check]:
    from soth_mitm.net.tls.chain import CertificateError, describe_certificate

    try:
        leaf, *others = (describe_certificate(der) for der in chain)
    except CertificateError as error:
        yield Check("certificate", Health.FAILED, printable(str(error), 300))
        return
    until = datetime.fromtimestamp(leaf.not_after, UTC)
    names = _some(leaf.sans) or "no names"
    text = f"{names}; {leaf.key}, {leaf.signature_algorithm}, until {until:%Y-%m-%d}"
    health = Health.FAILED if until < now else Health.WARNING if until - now < SOON else Health.OK
    yield Check("certificate", health, printable(text, 400))
    issuers = _some(tuple(each.subject for each in others)) or "nothing besides"
    yield Check("chain", Health.OK, printable(f"the server sends along: {issuers}", 400))


def _revocation(staple: Staple | None, proofs: Evidence, now: datetime) -> Check:
    if staple is None:
        if proofs.must_staple:
            return Check(
                "OCSP staple",
                Health.FAILED,
                "the certificate demands a staple (must-staple), and the server sent none",
                "its owner has to switch OCSP stapling on",
            )
        where = f"; its issuer answers at {_some(proofs.ocsp_urls)}" if proofs.ocsp_urls else ""
        lists = f"; revocations are listed at {_some(proofs.crl_urls)}" if proofs.crl_urls else ""
        return Check("OCSP staple", Health.OK, printable(f"the server sent none{where}{lists}", 400))
    if staple.status == "revoked":
        text = f"the issuer says that the certificate is revoked {staple.detail}"
        return Check("OCSP staple", Health.FAILED, text.strip(), "do not trust what the server sends")
    if staple.status != "good":
        return Check("OCSP staple", Health.WARNING, f"{staple.status}: {staple.detail}".rstrip(": "))
    until = staple.next_update
    if until is not None and until < now:
        return Check("OCSP staple", Health.WARNING, f"good, but out of date since {until:%Y-%m-%d %H:%M}")
    since = f"{staple.this_update:%Y-%m-%d}" if staple.this_update is not None else "?"
    held = f", holds until {until:%Y-%m-%d}" if until is not None else ""
    more = f"; {staple.detail}" if staple.detail else ""
    return Check("OCSP staple", Health.OK, f"good, as of {since}{held}{more}")


def _transparency(staple: Staple | None, proofs: Evidence) -> Check:
    found = (*proofs.timestamps, *(staple.timestamps if staple is not None else ()))
    if not found:
        return Check(
            "transparency",
            Health.WARNING,
            "no timestamp of a log in certificate or staple (those of the TLS extension cannot be read)",
            "browsers refuse a public CA's certificate without one; that of a private CA needs none",
        )
    listed = _some(tuple(f"{each.log} {each.when:%Y-%m-%d} ({each.source})" for each in found))
    count = f"{len(found)} timestamp{'' if len(found) == 1 else 's'}"
    return Check("transparency", Health.OK, f"{count}, of the logs {listed}")


def _some(texts: tuple[str, ...]) -> str:
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more
