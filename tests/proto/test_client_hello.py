"""ClientHello: how much to wait for, what it says, and its fingerprints."""

from __future__ import annotations

import ssl
import struct
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.proto.client_hello import MAX_HELLO, ClientHelloError, needed, parse
from soth_mitm.proto.fingerprint import is_grease, ja3, ja4


def vector(body: bytes, size: int) -> bytes:
    return len(body).to_bytes(size) + body


def numbers(values: Sequence[int], size: int = 2) -> bytes:
    return b"".join(value.to_bytes(size) for value in values)


def records(message: bytes, size: int = 1 << 14) -> bytes:
    """Wrap a handshake message into TLS records of at most `size` bytes."""
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + vector(piece, 2) for piece in pieces)


def hello_message(
    *,
    version: int = 0x0303,
    ciphers: Sequence[int] = (0x1301,),
    extensions: Sequence[tuple[int, bytes]] | None = (),
) -> bytes:
    """Make a ClientHello message by hand; `extensions=None` leaves the whole block out."""
    body = numbers([version]) + bytes(32) + vector(b"", 1) + vector(numbers(ciphers), 2) + vector(b"\0", 1)
    if extensions is not None:
        body += vector(b"".join(numbers([kind]) + vector(data, 2) for kind, data in extensions), 2)
    return b"\x01" + vector(body, 3)


def server_name(name: bytes) -> tuple[int, bytes]:
    return 0, vector(b"\0" + vector(name, 2), 2)


def alpn(*names: bytes) -> tuple[int, bytes]:
    return 16, vector(b"".join(vector(name, 1) for name in names), 2)


def real_hello(
    configure: Callable[[ssl.SSLContext], None] = lambda _: None, name: str | None = "example.com"
) -> bytes:
    """Return the hello that Python's own TLS sends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    configure(context)
    out = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return out.read()


def test_a_real_hello_tells_name_versions_and_protocols() -> None:
    wire = real_hello(lambda context: context.set_alpn_protocols(["h2", "http/1.1"]))
    hello = parse(wire)
    assert hello.sni == "example.com"
    assert hello.alpn == (b"h2", b"http/1.1")
    assert hello.legacy_version == 0x0303
    assert {0x0304, 0x0303} <= set(hello.versions)
    assert 0x1301 in hello.cipher_suites
    assert 29 in hello.groups
    assert 0 in hello.point_formats
    assert 0x0403 in hello.signature_algorithms
    assert (hello.early_data, hello.session_ticket, hello.psk, hello.ech) == (False, False, False, False)
    assert hello.length == len(wire) == needed(wire)
    assert {0, 16, 43} <= set(hello.extensions)
    assert ja4(hello).startswith("t13d")
    assert ja4(hello).split("_")[0].endswith("h2")


def test_a_real_tls_1_2_hello_has_no_versions_extension() -> None:
    def only_1_2(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    hello = parse(real_hello(only_1_2, name=None))
    assert (hello.versions, hello.sni, hello.alpn) == ((), None, ())
    assert 0x1301 not in hello.cipher_suites
    assert ja4(hello).startswith("t12i")
    assert ja4(hello).split("_")[0].endswith("00")


def test_a_real_hello_at_a_chosen_cipher_lists_it() -> None:
    def one_cipher(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")

    suites = parse(real_hello(one_cipher)).cipher_suites
    assert [suite for suite in suites if suite != 0x00FF] == [0xC02F]


def test_a_real_hello_of_a_resumed_session_offers_its_key() -> None:
    pytest.importorskip("trustme")
    import trustme

    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("example.com").configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname="example.com")
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (ours, theirs, ours, theirs):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    with pytest.raises(ssl.SSLWantReadError):
        ours.read(1)
    again = ssl.MemoryBIO()
    resumed = client.wrap_bio(ssl.MemoryBIO(), again, server_hostname="example.com", session=ours.session)
    with pytest.raises(ssl.SSLWantReadError):
        resumed.do_handshake()
    hello = parse(again.read())
    assert hello.psk
    assert hello.extensions[-1] == 41


def test_flags_are_read_from_their_extensions() -> None:
    extensions = [(35, b"ticket"), (42, b""), (0xFE0D, b"\0"), (41, b"\0")]
    hello = parse(records(hello_message(extensions=extensions)))
    assert (hello.early_data, hello.session_ticket, hello.psk, hello.ech) == (True, True, True, True)
    assert not parse(records(hello_message(extensions=[(35, b"")]))).session_ticket


def test_a_name_beyond_ascii_is_escaped() -> None:
    assert parse(records(hello_message(extensions=[server_name(b"a\xff")]))).sni == "a\\xff"


def test_a_hello_without_extensions_is_a_hello() -> None:
    hello = parse(records(hello_message(version=0x0301, ciphers=[4, 5], extensions=None)))
    assert (hello.extensions, hello.sni) == ((), None)
    assert ja3(hello)[0] == "769,4-5,,,"
    assert ja4(hello).startswith("t10i020000_")
    assert ja4(hello).endswith("_000000000000")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 100, 1 << 14])
def test_a_hello_over_several_records_is_put_together(size: int) -> None:
    message = hello_message(extensions=[server_name(b"example.com"), (21, bytes(300))])
    wire = records(message, size)
    hello = parse(wire + b"\x16\x03\x01\x00\x05later")
    assert hello.sni == "example.com"
    assert hello.length == len(wire)


def test_the_first_header_is_enough_to_wait_for_the_whole_record_once() -> None:
    wire = real_hello()
    assert needed(b"") == 5
    assert needed(wire[:3]) == 5
    assert needed(wire[:5]) == len(wire)
    assert needed(wire[:40]) == len(wire)
    assert needed(wire) == len(wire)


def test_two_records_are_waited_for_together_once_the_message_size_is_known() -> None:
    wire = records(hello_message(extensions=[(21, bytes(2000))]), 1400)
    assert needed(wire[:9]) == len(wire)
    assert needed(wire[:1405]) == len(wire)


@given(
    st.integers(1, 40),
    st.integers(0, 3000),
    st.integers(0, 4000),
)
def test_waiting_for_what_is_needed_always_ends_with_the_whole_hello(
    size: int, padding: int, start: int
) -> None:
    wire = records(hello_message(extensions=[(21, bytes(padding))]), size * 100)
    have = min(start, len(wire))
    for _ in range(len(wire)):
        want = needed(wire[:have])
        assert want <= len(wire)
        if want <= have:
            break
        have = want
    assert parse(wire[:have]).length == len(wire)


@pytest.mark.parametrize(
    ("code", "wire"),
    [
        ("not_a_hello", b"GET / HTTP/1.1\r\n"),
        ("not_a_hello", b"G"),
        ("not_a_hello", b"\x16\x02"),
        ("not_a_hello", b"\x17\x03\x03\x00\x05hello"),
        ("not_a_hello", b"\x16\x03\x01\x00\x00"),
        ("not_a_hello", b"\x16\x03\x01\xff\xff"),
        ("not_a_hello", records(b"\x02" + vector(b"x", 3))),
        ("not_a_hello", b"\x16\x03\x01\x00\x05\x01\x00\x01\x00\x03\x17\x03\x03\x00\x05"),
        ("hello_too_large", b"\x16\x03\x01\x40\x00\x01\xff\xff\xff"),
    ],
)
def test_what_cannot_become_a_hello_is_told_at_once(code: str, wire: bytes) -> None:
    with pytest.raises(ClientHelloError) as caught:
        needed(wire)
    assert caught.value.code == code
    assert caught.value.detail.isascii()


def test_a_hello_larger_than_the_limit_is_refused_and_one_below_is_not() -> None:
    with pytest.raises(ClientHelloError, match="hello_too_large"):
        needed(b"\x16\x03\x01\x40\x00\x01" + (MAX_HELLO - 20).to_bytes(3))
    assert needed(b"\x16\x03\x01\x40\x00\x01" + (MAX_HELLO - 30).to_bytes(3)) <= MAX_HELLO


def test_an_incomplete_hello_is_not_parsed() -> None:
    with pytest.raises(ClientHelloError, match="incomplete_hello"):
        parse(real_hello()[:-1])


@pytest.mark.parametrize(
    "body",
    [
        b"\x03\x03",
        b"\x03\x03" + bytes(32) + b"\xff",
        b"\x03\x03" + bytes(32) + b"\0\x00\x03abc\x01\0",
        b"\x03\x03" + bytes(32) + b"\0\x00\x02\x13\x01\x01\0\x00\x05\x00\x00",
    ],
)
def test_a_malformed_hello_is_told_as_such(body: bytes) -> None:
    with pytest.raises(ClientHelloError, match="malformed_hello"):
        parse(records(b"\x01" + vector(body, 3)))


@given(st.binary(max_size=120))
def test_any_body_is_a_hello_or_a_hello_error(body: bytes) -> None:
    try:
        parse(records(b"\x01" + vector(b"\x03\x03" + bytes(32) + b"\0" + body, 3)))
    except ClientHelloError as error:
        told = error.code
    else:
        told = "malformed_hello"
    assert told == "malformed_hello"


# --- fingerprints ------------------------------------------------------------------------------------

# The JA4 of a Chrome, as its published description spells the lists out.
CHROME_CIPHERS = [0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8]
CHROME_CIPHERS += [0xC013, 0xC014, 0x009C, 0x009D, 0x002F, 0x0035]
CHROME_SIGNATURES = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]


def chrome(
    others: Sequence[int], *, grease: int | None = None, groups: Sequence[int] = (29, 23, 24)
) -> bytes:
    """Make a hello with Chrome's lists, its extensions in the order of `others`."""
    first = [] if grease is None else [grease]
    bodies = {
        0: server_name(b"example.com")[1],
        10: vector(numbers([*first, *groups]), 2),
        11: vector(b"\0", 1),
        13: vector(numbers([*first, *CHROME_SIGNATURES]), 2),
        16: alpn(b"h2", b"http/1.1")[1],
        43: vector(numbers([*first, 0x0304, 0x0303]), 1),
    }
    order = [*first, *others, *([] if grease is None else [grease ^ 0x1010])]
    extensions = [(kind, bodies.get(kind, b"\0")) for kind in order]
    return records(hello_message(ciphers=[*first, *CHROME_CIPHERS], extensions=extensions))


CHROME_EXTENSIONS = [
    0x1B,
    0,
    0x33,
    0x10,
    0x4469,
    0x17,
    0x2D,
    0x0D,
    5,
    0x23,
    0x12,
    0x2B,
    0xFF01,
    0x0B,
    0x0A,
    0x15,
]


@pytest.mark.parametrize("grease", [None, 0x0A0A, 0x5A5A, 0xEAEA])
def test_the_published_ja4_of_chrome_comes_out_with_and_without_grease(grease: int | None) -> None:
    assert ja4(parse(chrome(CHROME_EXTENSIONS, grease=grease))) == "t13d1516h2_8daaf6152771_e5627efa2ab1"


def test_ja3_and_ja4_of_one_published_capture_come_out() -> None:
    order = [45, 51, 16, 65037, 23, 17613, 0, 11, 10, 43, 65281, 35, 18, 5, 13, 27]
    hello = parse(chrome(order, grease=0x3A3A, groups=[4588, 29, 23, 24]))
    text, digest = ja3(hello)
    assert text == (
        "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,"
        "45-51-16-65037-23-17613-0-11-10-43-65281-35-18-5-13-27,4588-29-23-24,0"
    )
    assert digest == "98487aa16281980e7d1120d399efb6a4"
    assert ja4(hello) == "t13d1516h2_8daaf6152771_d8a2da3f94cd"


def test_the_published_ja3_examples_come_out() -> None:
    ciphers = [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4]
    extensions = [server_name(b"a"), (10, vector(numbers([23, 24, 25]), 2)), (11, vector(b"\0", 1))]
    hello = parse(records(hello_message(version=0x0301, ciphers=ciphers, extensions=extensions)))
    assert ja3(hello) == (
        "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0",
        "ada70206e40642a3e4461f35503241d5",
    )
    bare = hello_message(version=0x0301, ciphers=[4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99], extensions=None)
    assert ja3(parse(records(bare))) == (
        "769,4-5-10-9-100-98-3-6-19-18-99,,,",
        "de350869b8c85de67a350c8d186f11e6",
    )


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        (b"h2", "h2"),
        (b"http/1.1", "h1"),
        (b"h", "hh"),
        (b"\xab", "ab"),
        (b"\xab\xcd", "ad"),
        (b"0\xab", "3b"),
        (b"01\xab\xcd", "3d"),
        (b"0\xab\xcd1", "01"),
        (b"-x", "28"),
    ],
)
def test_the_protocol_mark_is_its_ends_or_those_of_its_hex_form(name: bytes, mark: str) -> None:
    assert ja4(parse(records(hello_message(extensions=[alpn(name)])))).split("_")[0].endswith(mark)


def test_counts_stop_at_99() -> None:
    extensions = [(kind, b"") for kind in range(1000, 1120)]
    hello = parse(records(hello_message(ciphers=range(1, 121), extensions=extensions)))
    assert ja4(hello).startswith("t12i999900_")


@pytest.mark.parametrize(
    ("version", "mark"), [(0x0304, "13"), (0x0302, "11"), (0x0300, "s3"), (0x0002, "s2"), (0x7F1C, "00")]
)
def test_the_version_mark(version: int, mark: str) -> None:
    assert ja4(parse(records(hello_message(version=version)))).startswith("t" + mark)


def test_without_signature_algorithms_nothing_is_appended() -> None:
    """The hash is of the sorted extensions alone, without an underscore."""
    hello = parse(records(hello_message(extensions=[(0x17, b""), (0x05, b"")])))
    import hashlib

    assert ja4(hello).split("_")[2] == hashlib.sha256(b"0005,0017").hexdigest()[:12]


def test_the_grease_values_are_the_sixteen_of_rfc_8701() -> None:
    found = [value for (value,) in struct.iter_unpack("!H", numbers(range(65536))) if is_grease(value)]
    assert found == [0x0A0A + 0x1010 * step for step in range(16)]
