"""`Authorization` and `WWW-Authenticate` in their parts: each scheme, what is secret, and what is odd."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.decode.credentials import challenges, credentials
from soth_mitm.text import printable


def based(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


CLAIMS = {"sub": "ann", "exp": 1_700_000_000, "aud": ["a"]}
TOKEN = f"{based({'alg': 'HS256'})}.{based(CLAIMS)}.AAAA"
SEALED = f"{based({'alg': 'dir'})}..aXY.dGV4dA.dGFn"


def told(value: str) -> list[tuple[str, str]]:
    return [(piece.name, piece.value) for piece in credentials(value.encode())]


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("Basic YW5uOnMzOmNyZXQ=", ["Basic", "ann", "s3:cret"]),
        ("basic YW5u", ["basic", "ann"]),
        ("Basic", ["Basic"]),
        ("Basic !!", ["Basic", "!!"]),
        ("Bearer abc.def", ["Bearer", "abc.def"]),
        (f"Bearer {TOKEN}", ["Bearer", "HS256", "ann", "1700000000", '["a"]', "3 bytes, not checked"]),
        (f"Bearer {SEALED}", ["Bearer", "dir", "encrypted, 4 bytes"]),
        ('Digest username="a \\"b\\"", nc=01, response="66"', ["Digest", 'a "b"', "01", "66"]),
        (
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;date, Signature=fe",
            ["AWS4-HMAC-SHA256", "AKID", "20260101", "us-east-1", "s3", "host;date", "fe"],
        ),
        ("Negotiate TlRMTVNTUAABAAAAYWFhYQ==", ["Negotiate", "NTLM message 1, 16 bytes"]),
        ("Negotiate YIIB", ["Negotiate", "Kerberos or SPNEGO, 3 bytes"]),
        ("", []),
        ("\x1b[2J", []),
    ],
)
def test_a_scheme_is_taken_apart(value: str, parts: list[str]) -> None:
    assert [part for _, part in told(value)] == parts


def test_what_proves_who_it_is_is_secret_and_the_rest_is_not() -> None:
    secret = {
        piece.name
        for value in ("Basic YW5uOmI=", "Bearer abc", 'Digest username="a", response="66"', f"Bearer {TOKEN}")
        for piece in credentials(value.encode())
        if piece.secret
    }
    assert secret == {"password", "token", "response"}


def test_claims_that_are_moments_say_so() -> None:
    assert [piece.moment for piece in credentials(f"Bearer {TOKEN}".encode()) if piece.moment] == [
        1_700_000_000
    ]


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ('Basic realm="a, b"', ["Basic", "a, b"]),
        ("Negotiate, NTLM, Basic realm=x", ["Negotiate", "NTLM", "Basic", "x"]),
        (
            'Bearer error="invalid_token", scope="a b", DPoP algs="ES256"',
            ["Bearer", "invalid_token", "a b", "DPoP", "ES256"],
        ),
        ("Negotiate oYG2MIGzoAMKAQ==", ["Negotiate", "oYG2MIGzoAMKAQ=="]),
        (", ,", []),
    ],
)
def test_challenges_are_told_one_after_the_other(value: str, parts: list[str]) -> None:
    assert [piece.value for piece in challenges(value.encode())] == parts


@given(
    st.one_of(
        st.binary(max_size=200), st.text(st.sampled_from('Basic realm="x\\,=/ '), max_size=80).map(str.encode)
    )
)
def test_any_value_is_told_safely(value: bytes) -> None:
    for piece in (*credentials(value), *credentials(b"Digest " + value), *challenges(value)):
        assert printable(piece.name) == piece.name
        assert printable(piece.value) == piece.value


def test_white_space_between_parts_costs_no_more_than_it_is_long() -> None:
    value = b"Digest a=b" + b" " * 16_000 + b'"'
    began = time.process_time()
    assert [piece.name for piece in credentials(value)] == ["scheme", "a"]
    assert [piece.name for piece in challenges(value)] == ["scheme", "a", "token"]
    assert time.process_time() - began < 0.5  # it was seconds


def test_a_hostile_value_costs_little() -> None:
    for value in (b"Digest " + b"a=" * 40_000, b"Basic " + b'a="\\' * 20_000, b"Negotiate, " * 8000):
        assert len(credentials(value)) <= 100
        assert len(challenges(value)) <= 101
