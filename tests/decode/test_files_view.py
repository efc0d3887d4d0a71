"""Files of other kinds: archives, PDFs, certificates, tokens, DNS messages, GraphQL, scripts."""

from __future__ import annotations

import base64
import datetime
import gzip
import io
import json
import random
import struct
import tarfile
import zipfile

import pytest
import zstandard
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.decode import Rendered, render
from soth_mitm.decode.about import About
from soth_mitm.decode.code_flow import CodeFlow, Language
from soth_mitm.decode.graphql_view import lay_out
from soth_mitm.decode.registry import DECODERS, OFFERED, Given
from soth_mitm.decode.views import View
from soth_mitm.decode.zip_view import ZipView
from tests.decode.feeding import cut_at, outcome, text_of


def a_zip(entries: int = 2, **how: int) -> bytes:
    """Return a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **how) as archive:  # type: ignore[call-overload]
        for number in range(entries):
            info = zipfile.ZipInfo(f"dir/é{number}.txt", (2026, 5, 6, 7, 8, 10))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, "words " * 100)
    return out.getvalue()


def a_tar(form: int = tarfile.GNU_FORMAT) -> bytes:
    """Return a tar with a long name, a directory, a link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, kind, size, link in (
            ("short.txt", tarfile.REGTYPE, 700, ""),
            ("d", tarfile.DIRTYPE, 0, ""),
            ("x" * 150, tarfile.REGTYPE, 10, ""),
            ("l", tarfile.SYMTYPE, 0, "short.txt"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname, info.mtime = kind, size, link, 1_514_862_245
            archive.addfile(info, io.BytesIO(b"a" * size))
    return out.getvalue()


PDF = (
    b"%PDF-1.7\n1 0 obj\n<< /Type /Pages /Count 3 /Kids [] >>\nendobj\n2 0 obj\n"
    b"<< /Title (A \\(small\\) one) /Author <FEFF00E9> /Producer (x\x1b[2J) >>\nendobj\n"
    b"3 0 obj << /Type /Page /AcroForm 1 >>\nendobj\ntrailer << /Encrypt 4 0 R >>\n%%EOF\n"
)

_KEY = ec.generate_private_key(ec.SECP256R1())
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.test")])
_NAMES = ["shop.test", "*.shop.test"]
_START = datetime.datetime(2026, 1, 2, 3, 4, 5)
CERTIFICATE = (
    x509.CertificateBuilder()
    .subject_name(_NAME)
    .issuer_name(_NAME)
    .public_key(_KEY.public_key())
    .serial_number(255)
    .not_valid_before(_START)
    .not_valid_after(_START + datetime.timedelta(days=1))
    .add_extension(
        x509.SubjectAlternativeName([x509.DNSName("shop.test"), x509.DNSName("*.shop.test")]), False
    )
    .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
    .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
    .sign(_KEY, hashes.SHA256())
)
DER = CERTIFICATE.public_bytes(serialization.Encoding.DER)
PEM = CERTIFICATE.public_bytes(serialization.Encoding.PEM)


def based(value: object) -> str:
    """Return JSON as a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


TOKEN = f"{based({'alg': 'HS256'})}.{based({'sub': 'ada', 'exp': 1_514_862_245})}.c2ln".encode()

DNS = bytes.fromhex(
    "0007 8180 0001 0003 0000 0001 0473686f70 0474657374 00 0001 0001".replace(" ", "")
    + "c00c 0005 0001 0000003c 0006 03 777777 c00c".replace(" ", "")
    + "0377 7777 c00c 0001 0001 0000003c 0004 01020304".replace(" ", "")
    + "c00c 0041 0001 0000003c 000d 0001 00 0001 0006 026832 026833".replace(" ", "")
    + "00 0029 04d0 00 00 8000 0000".replace(" ", "")
)

SAMPLES: dict[str, bytes] = {
    "zip": a_zip(),
    "tar": a_tar(),
    "gzip": gzip.compress(b'{"a": [1]}', mtime=0),
    "pdf": PDF,
    "certificate": PEM + PEM,
    "jwt": TOKEN,
    "dns": DNS,
    "graphql": b'{"query":"query Q($a:Int){a(b:$a){c}}","variables":{"a":1},"operationName":"Q"}',
    "javascript": b'function f(a){return a.map(x=>{x/2})}var r=/[/"]/,s="a;b";if(r){f()}else{g()}',
    "css": b"@media (a){b>c,d{color:red;background:url(x;y)}}",
}


def shown(name: str, data: bytes, content_type: str = "") -> Rendered:
    """Return a payload as it is shown, once it is clear that the decoder was found by itself."""
    rendered = render(data, about=About(content_type.encode()))
    assert rendered.kind == name
    return rendered


@pytest.mark.parametrize("name", SAMPLES)
@given(cuts=st.lists(st.integers(0, 3000), max_size=4), stop=st.integers(0, 3000), ended=st.booleans())
def test_pieces_give_what_the_whole_gives(name: str, cuts: list[int], stop: int, ended: bool) -> None:
    sample = SAMPLES[name]
    data = sample[: len(sample) - stop % len(sample)]
    make = DECODERS[name].make
    assert make is not None

    def made() -> View:
        return make(Given(About(), data[:4096]))

    assert outcome(made, cut_at(data, cuts), ended=ended) == outcome(made, [data], ended=ended)


@pytest.mark.parametrize("name", [each.name for each in OFFERED if each.make])
@given(
    data=st.binary(max_size=600)
    | st.builds(
        lambda each, at, what: each[:at] + what + each[at:],
        st.sampled_from(list(SAMPLES.values())),
        st.integers(0, 500),
        st.binary(max_size=8),
    ),
    ended=st.booleans(),
)
def test_any_bytes_are_shown_by_any_decoder(name: str, data: bytes, ended: bool) -> None:
    make = DECODERS[name].make
    assert make is not None

    def made() -> View:
        return make(Given(About(), data[:4096]))

    outcome(made, [data], ended=ended)


# --- archives


def test_a_zip_is_listed_by_its_directory() -> None:
    rendered = shown("zip", a_zip())
    assert rendered.lines == [
        "zip archive, 2 entries",
        "          600  2026-05-06 07:08:10   dir/é0.txt  (deflated)",
        "          600  2026-05-06 07:08:10   dir/é1.txt  (deflated)",
        rendered.lines[3],
    ]
    assert rendered.lines[3].startswith("# 1.2k bytes in ")
    before = shown("zip", b"PK\x03\x04" + bytes(100) + a_zip())
    assert before.lines[1].endswith("dir/é0.txt  (deflated)")


def test_a_zip_without_its_directory_is_listed_by_its_beginning() -> None:
    rendered = render(a_zip()[:200], complete=False, content_type=b"application/zip")
    assert rendered.lines[0] == "zip archive, without its directory: the entries at its beginning"
    assert rendered.lines[1].endswith("dir/é0.txt  (deflated)")
    whole = render(a_zip()[:-30], content_type=b"application/zip")
    assert whole.error == "not a whole zip: its directory is missing"


def test_a_zip_of_more_than_65535_entries_is_counted_right() -> None:
    directory = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 45, 45, 0, 0, 0, 0, 0, 5, 5, 1, 0, 0, 0, 0, 0, 0) + b"n"
        for _ in range(70_000)
    )
    far = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 70_000, 70_000, len(directory), 4)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 65_535, 65_535, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    view = ZipView()
    lines = text_of(view, [b"PK\x03\x04" + directory + far + end]).split("\n")
    assert (lines[0], len(lines), view.error) == ("zip archive, 70,000 entries", 70_002, "")


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_is_listed_as_it_comes(form: int) -> None:
    lines = shown("tar", a_tar(form)).lines
    assert lines[0] == "tar archive"
    assert lines[1] == "          700  2018-01-02 03:04:05   short.txt  (0644)"
    assert lines[2].endswith("  d/  (directory 0644)")
    assert lines[3].endswith(f"  {'x' * 150}  (0644)")
    assert lines[4].endswith("  l  (symbolic link → short.txt 0644)")
    assert lines[5] == "# 4 entries, 710 bytes"


def test_a_compressed_file_shows_what_is_inside() -> None:
    rendered = shown("gzip", gzip.compress(a_tar(), mtime=1_514_862_245))
    assert rendered.lines[:3] == [
        "● gzip file · from 2018-01-02T03:04:05Z · 10k bytes unpacked",
        "  tar archive",
        "            700  2018-01-02 03:04:05   short.txt  (0644)",
    ]
    assert shown("gzip", zstandard.compress(b'{"a":1}')).lines[1:] == ["  {", '    "a": 1', "  }"]


def test_a_compressed_file_that_is_damaged_or_a_bomb_says_so() -> None:
    whole = gzip.compress(random.Random(1).randbytes(9000))
    assert "damaged" in render(whole[:-6] + b"x" * 6, decoder="gzip").error
    bomb = render(gzip.compress(bytes(40_000_000)))
    assert bomb.error or "the first 17M bytes" in bomb.lines[0]


# --- others


def test_a_pdf_is_told_by_its_facts() -> None:
    assert shown("pdf", PDF).lines == [
        f"PDF 1.7, {len(PDF)} bytes",
        "3 pages, 3 objects",
        "encrypted, has forms",
        "Title         A (small) one",
        "Author        é",
        "Producer      x\\x1b[2J",
    ]
    assert render(PDF[:-8], content_type=b"application/pdf").error == "not a whole PDF: its end is missing"


@pytest.mark.parametrize("data", [PEM, DER, b"Bag Attributes\n  x: y\n" + PEM], ids=["pem", "der", "bag"])
def test_a_certificate_is_told_by_its_facts(data: bytes) -> None:
    lines = shown("certificate", data).lines
    assert lines[0].startswith("● certificate 1 · ")
    assert lines[1:8] == [
        "  subject       CN=shop.test",
        "  issuer        CN=shop.test (its own)",
        "  serial        ff",
        "  not before    2026-01-02 03:04:05 UTC",
        "  not after     2026-01-03 03:04:05 UTC",
        "  key           EC secp256r1 256 bits",
        "  signature     ecdsa-with-SHA256",
    ]
    assert "  names         shop.test, *.shop.test" in lines
    assert "  authority     yes, at most 0 below it" in lines
    assert "  purposes      serverAuth" in lines


def test_a_private_key_is_named_and_not_shown() -> None:
    secret = base64.b64encode(b"very secret")
    data = PEM + b"-----BEGIN PRIVATE KEY-----\n" + secret + b"\n-----END PRIVATE KEY-----\n"
    lines = shown("certificate", data).lines
    assert "● private key 2 · 11 bytes" in lines
    assert not any(secret.decode() in line for line in lines)


def test_a_certificate_that_is_damaged_says_why() -> None:
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert any("# cannot be read: " in line for line in shown("certificate", broken).lines)
    odd = broken.replace(b"AAAA", b"AAA")
    assert any("# not base64" in line for line in shown("certificate", odd).lines)


def test_a_token_is_taken_apart() -> None:
    assert shown("jwt", TOKEN).lines == [
        "● header",
        "  {",
        '    "alg": "HS256"',
        "  }",
        "● claims  # exp 2018-01-02T03:04:05Z",
        "  {",
        '    "sub": "ada",',
        '    "exp": 1514862245',
        "  }",
        "● signature  # 3 bytes, not checked",
        "  73 69 67",
    ]
    sealed = f"{based({'alg': 'RSA-OAEP'})}.a2V5.aXY.dGV4dA.dGFn".encode()
    assert shown("jwt", sealed).lines[-4] == "● encrypted claims  # 4 bytes, only the header can be read"


def test_a_dns_message_is_read_record_by_record() -> None:
    lines = shown("dns", DNS, "application/dns-message").lines
    tree = json.loads(
        "\n".join(line.partition("  # ")[0] for line in lines)
        .replace("NOERROR", '"NOERROR"').replace("QUERY", '"QUERY"')
        .replace(": A,", ': "A",').replace(": CNAME", ': "CNAME"').replace(": IN", ': "IN"')
        .replace(": HTTPS", ': "HTTPS"').replace(": OPT", ': "OPT"').replace(": A\n", ': "A"\n')
    )  # fmt: skip
    assert tree["questions"] == [{"name": "shop.test.", "type": "A", "class": "IN"}]
    first, second, third = tree["answers"]
    assert (first["target"], second["address"], third["target"]) == ("www.shop.test.", "1.2.3.4", ".")
    assert third["alpn"] == ["h2", "h3"]
    assert (tree["additional"][0]["udp"], tree["additional"][0]["flags"]) == (1232, "do")
    assert (tree["status"], tree["flags"]) == ("NOERROR", "rd ra")


def test_names_that_go_in_circles_and_cut_messages_are_told() -> None:
    circle = DNS[:12] + b"\xc0\x0c\0\1\0\1"
    assert "circle" in render(circle, content_type=b"application/dns-message").error
    cut = render(DNS[:60], content_type=b"application/dns-message")
    assert cut.error.startswith("not a whole DNS message: at byte ")
    assert render(b"short", content_type=b"application/dns-message").kind == "text"


def test_a_graphql_request_has_its_document_and_its_variables() -> None:
    assert shown("graphql", SAMPLES["graphql"], "application/json").lines == [
        "● operation · Q",
        "  query Q($a: Int) {",
        "    a(b: $a) {",
        "      c",
        "    }",
        "  }",
        "● variables",
        "  {",
        '    "a": 1',
        "  }",
    ]
    batch = b'[{"query":"{a}"},{"query":"mutation{b}"}]'
    assert [line for line in shown("graphql", batch, "application/json").lines if "●" in line] == [
        "● operation 1",
        "● operation 2",
    ]


def test_json_that_only_looks_like_graphql_is_shown_as_json() -> None:
    answer = render(SAMPLES["graphql"], about=About(b"application/json", response=True))
    assert answer.kind == "json"
    cut = render(SAMPLES["graphql"][:-1], content_type=b"application/json")
    assert (cut.kind, cut.error) == ("text", cut.error)
    assert render(b'{"query":"select 1"}', content_type=b"application/json").kind == "json"


@pytest.mark.parametrize(
    ("document", "lines"),
    [
        ("{a b c{d}}", ["{", "  a", "  b", "  c {", "    d", "  }", "}"]),
        (
            "{a{...F ...on T@x{b}}}",
            ["{", "  a {", "    ...F", "    ... on T @x {", "      b", "    }", "  }", "}"],
        ),
        ('{a(x:[1,2]y:{z:"}"}){b}}', ["{", '  a(x: [1, 2], y: { z: "}" }) {', "    b", "  }", "}"]),
        ("query Q($a:Int!$b:T=1){x:y}", ["query Q($a: Int!, $b: T = 1) {", "  x: y", "}"]),
    ],
)
def test_a_document_on_one_line_is_laid_out(document: str, lines: list[str]) -> None:
    found = [line.replace("...on", "... on") for line in "".join(lay_out(document)).split("\n")]
    assert found == lines


def test_scripts_and_style_sheets_that_were_written_to_be_short_are_laid_out() -> None:
    script = SAMPLES["javascript"]
    assert render(script, content_type=b"text/javascript").kind == "text"
    assert render(script + b";" * 600, content_type=b"text/javascript").kind == "javascript"
    assert render(script, content_type=b"text/javascript", mode="pretty").lines == [
        "function f(a){", "  return a.map(x=>{", "    x/2", "  })", "}", 'var r=/[/"]/,s="a;b";', "if(r){",
        "  f()", "}else{", "  g()", "}",
    ]  # fmt: skip
    assert render(SAMPLES["css"], content_type=b"text/css", mode="pretty").lines == [
        "@media (a){", "  b>c,d{", "    color:red;", "    background:url(x;y)", "  }", "}",
    ]  # fmt: skip


@given(
    st.text(st.sampled_from(list("/*\"'`{}()[];,\n\\ ab:<!-")), max_size=60),
    st.sampled_from(["javascript", "css"]),
    st.integers(1, 9),
)
def test_no_character_of_a_script_is_lost_and_pieces_change_nothing(
    text: str, language: Language, step: int
) -> None:
    whole = CodeFlow(language).feed(text, final=True)
    assert "".join(whole.split()) == "".join(text.split())
    flow = CodeFlow(language)
    pieces = [text[at : at + step] for at in range(0, len(text), step)] or [""]
    out = [flow.feed(piece, final=number == len(pieces) - 1) for number, piece in enumerate(pieces)]
    assert "".join(out) == whole


def test_a_string_of_many_kilobytes_goes_through_in_parts() -> None:
    text = 'var a="' + 'x\\"y' * 60_000 + '",b=1;/*' + "z*" * 50_000 + "*/c()"
    for step in (1000, 65_536, 10**6):
        flow = CodeFlow("javascript")
        out = "".join(
            flow.feed(text[at : at + step], final=at + step >= len(text)) for at in range(0, len(text), step)
        )
        assert out == text.replace(";/*", ";\n/*").replace("*/c", "*/\nc")


def test_a_block_of_pem_without_an_end_hides_none_behind_it() -> None:
    open_blocks = b"-----BEGIN X-----\nAAAA\n" * 50
    rendered = render(open_blocks + PEM, decoder="certificate")
    assert rendered.kind == "certificate"
    assert "shop.test" in "\n".join(rendered.lines)


def test_a_long_document_is_shown_by_its_beginning() -> None:
    rendered = render(b"{a " * 200_000, content_type=b"application/graphql", max_output=50_000_000)
    assert rendered.lines[-1] == "# only the first 131,072 characters are shown"


def test_slashes_that_begin_nothing_are_given_up_after_a_thousand() -> None:
    source = (b"x=/" + b"a" * 20 + b"\n") * 1500 + b"y=/a;b/;"
    rendered = render(source, decoder="javascript")
    assert "".join("".join(rendered.lines).split()) == source.decode().replace("\n", "")
    assert rendered.lines[-1] == "b/;"
