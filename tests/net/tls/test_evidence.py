"""What certificates and stapled answers prove, and that a false proof is told as one."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.net.tls.evidence import issuer_of, read_certificate, read_staple
from tests.net.tls.proofs import LOG, delegate, proven, staple
from tests.net.tls.support import Identity, issue

ISSUER = issue("Proving CA", ca=True)
LEAF = proven(ISSUER, must_staple=True)
UNSUCCESSFUL = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)


def read(data: bytes, *, leaf: Identity = LEAF, issuer: Identity | None = ISSUER) -> tuple[str, str]:
    found = read_staple(data, leaf.der, issuer.der if issuer is not None else None)
    return found.status, found.detail


def test_a_certificate_tells_its_timestamps_and_where_revocation_is_asked_for() -> None:
    found = read_certificate(LEAF.der)
    assert [(each.log, each.source) for each in found.timestamps] == [(LOG.hex()[:16], "certificate")] * 2
    assert found.must_staple
    assert found.ocsp_urls == ("http://ocsp.example/",)
    assert found.crl_urls == ("http://crl.example/1.crl",)


def test_a_certificate_without_all_that_has_none_of_it() -> None:
    assert read_certificate(issue("plain.test").der) == ((), False, (), ())


def test_a_good_answer_of_the_issuer_is_good() -> None:
    found = read_staple(staple(LEAF, ISSUER), LEAF.der, ISSUER.der)
    assert (found.status, found.detail) == ("good", "")
    assert found.this_update is not None
    assert found.next_update is not None
    assert found.this_update < found.next_update


def test_a_revocation_tells_when_and_why() -> None:
    status, detail = read(staple(LEAF, ISSUER, status=ocsp.OCSPCertStatus.REVOKED))
    assert status == "revoked"
    assert detail.startswith("since 20")
    assert detail.endswith("(keyCompromise)")


def test_a_responder_that_the_issuer_has_named_may_answer_for_it() -> None:
    assert read(staple(LEAF, ISSUER, signer=delegate(ISSUER))) == ("good", "")


@pytest.mark.parametrize(
    "signer", [delegate(ISSUER, may=False), delegate(issue("Stranger", ca=True)), issue("self", ca=True)]
)
def test_an_answer_of_anybody_else_is_unusable(signer: Identity) -> None:
    status, detail = read(staple(LEAF, ISSUER, signer=signer))
    assert status == "unusable"
    assert "not signed by the issuer" in detail


def test_an_answer_about_another_certificate_is_unusable() -> None:
    assert read(staple(proven(ISSUER), ISSUER)) == ("unusable", "it is about another certificate")


def test_without_the_issuer_the_signature_is_told_as_unchecked() -> None:
    status, detail = read(staple(LEAF, ISSUER), issuer=None)
    assert status == "good"
    assert "not checked" in detail


def test_a_refusal_of_the_responder_is_unusable() -> None:
    assert read(UNSUCCESSFUL.public_bytes(Encoding.DER)) == ("unusable", "the responder answered try_later")


@given(st.binary(max_size=300))
def test_bytes_that_are_no_answer_are_unusable_and_never_raise(data: bytes) -> None:
    assert read(data)[0] == "unusable"


def test_a_tampered_answer_is_never_good() -> None:
    data = bytearray(staple(LEAF, ISSUER))
    data[-1] ^= 1
    assert read(bytes(data))[0] == "unusable"


def test_the_issuer_is_found_among_what_was_sent() -> None:
    other = issue("Other CA", ca=True)
    assert issuer_of(LEAF.der, (b"nonsense", other.der, ISSUER.der)) == ISSUER.der
    assert issuer_of(LEAF.der, (other.der,)) is None
    assert issuer_of(b"nonsense", (ISSUER.der,)) is None
