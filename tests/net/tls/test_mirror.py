"""What of an upstream's certificate ours repeats."""

from __future__ import annotations

import ipaddress
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.net.tls.ca import CertificateAuthority
from soth_mitm.net.tls.leaf import LeafCache
from soth_mitm.net.tls.mirror import MAX_NAMES, NOTHING, Mirror, mirror_of
from tests.net.tls.support import NOW

KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(common_name: str | None, *names: x509.GeneralName) -> bytes:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(attributes))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Some CA")]))
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_common_name_and_names_are_repeated_in_their_order() -> None:
    der = certificate(
        "Shop",
        x509.DNSName("shop.test"),
        x509.DNSName("*.Shop.Test"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
        x509.DNSName("shop.test"),
    )
    assert mirror_of(der) == Mirror("Shop", ("shop.test", "*.shop.test", "192.0.2.1"))


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("*"),
        x509.DNSName("*.com"),
        x509.DNSName("a.*.test"),
        x509.DNSName("with space.test"),
        x509.DNSName("192.0.2.1"),
        x509.DNSName("x" * 64 + ".test"),
        x509.UniformResourceIdentifier("https://shop.test/"),
        x509.RFC822Name("me@shop.test"),
    ],
)
def test_a_name_that_ours_cannot_hold_is_left_out(name: x509.GeneralName) -> None:
    assert mirror_of(certificate("Shop", name, x509.DNSName("shop.test"))).names == ("shop.test",)


@pytest.mark.parametrize("common_name", [None, "with\x1bescape", "two\nlines"])
def test_a_common_name_that_ours_cannot_hold_is_left_out(common_name: str | None) -> None:
    assert mirror_of(certificate(common_name, x509.DNSName("a.test"))) == Mirror("", ("a.test",))


def test_the_names_are_bounded() -> None:
    many = (x509.DNSName(f"{number}.test") for number in range(MAX_NAMES * 3))
    assert len(mirror_of(certificate("Shop", *many)).names) == MAX_NAMES


@given(st.binary(max_size=200))
def test_what_is_no_certificate_gives_nothing(der: bytes) -> None:
    assert mirror_of(der) == NOTHING


def test_the_leaf_says_what_the_upstream_says_and_the_host_always(
    ca: CertificateAuthority, leaves: LeafCache
) -> None:
    mirror = Mirror("Shop", ("*.shop.test", "192.0.2.1", "other.test"))
    leaf = leaves.context_for("cdn.test", sni="other.test", mirror=mirror)
    assert leaf.sans == ("cdn.test", "other.test", "*.shop.test", "192.0.2.1")
    plain = leaves.context_for("cdn.test", sni="other.test")
    assert plain.context is not leaf.context, "each set of names has a context of its own"
    assert leaves.context_for("cdn.test", sni="other.test", mirror=Mirror(*mirror)).context is leaf.context


def test_the_certificate_of_the_leaf_has_the_common_name(ca: CertificateAuthority) -> None:
    pem = ca.sign_leaf("cdn.test", KEY.public_key(), also=("*.shop.test",), common_name="Shop")
    made = x509.load_pem_x509_certificate(pem)
    assert [each.value for each in made.subject] == ["Shop"]
    named = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert named.get_values_for_type(x509.DNSName) == ["cdn.test", "*.shop.test"]
