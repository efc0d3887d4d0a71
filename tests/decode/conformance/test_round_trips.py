"""What an encoder wrote is what a decoder shows: read back, the lines say the same."""

from __future__ import annotations

import json
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from urllib.parse import urlencode

import msgpack  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.decode import Rendered, render
from soth_mitm.decode.redoing import redoing
from soth_mitm.text import printable

CODINGS = ("gzip", "deflate", "br", "zstd")
letters = st.text(max_size=12)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | letters
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(letters, inner, max_size=4),
    max_leaves=12,
)


def text_of(rendered: Rendered, kind: str) -> str:
    """Return the lines of a body that nothing is wrong with."""
    assert (rendered.kind, rendered.error, rendered.truncated) == (kind, "", False)
    return "\n".join(rendered.lines)


@given(trees, st.booleans(), st.sampled_from([None, 0, 3]))
def test_json_says_what_the_encoder_was_given(value: object, ascii_only: bool, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent, allow_nan=True)
    if "Infinity" in body:
        return  # the encoder writes what is no JSON
    rendered = render(body.encode("utf-8", "surrogatepass"), content_type=b"application/json")
    assert json.loads(text_of(rendered, "json")) == value


@given(trees, st.booleans())
def test_messagepack_says_what_the_encoder_was_given(value: object, twice: bool) -> None:
    body = msgpack.packb(value)
    if twice:
        body += body
    text = text_of(render(body, content_type=b"application/msgpack"), "msgpack")
    decoder = json.JSONDecoder()
    first, end = decoder.raw_decode(text)
    assert first == value
    assert not twice or decoder.raw_decode(text, end + 1)[0] == value


@given(st.lists(st.tuples(letters.filter(bool), letters), min_size=1, max_size=8))
def test_forms_say_each_field_in_its_order(fields: list[tuple[str, str]]) -> None:
    body = urlencode(fields).encode()
    rendered = render(body, content_type=b"application/x-www-form-urlencoded")
    lines = [f"{printable(name)} = {printable(value)}" for name, value in fields]
    assert text_of(rendered, "form").split("\n") == lines


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4))
def test_multipart_has_each_part_with_its_bytes(parts: list[bytes]) -> None:
    message = MIMEMultipart("mixed", boundary="edge")
    for number, data in enumerate(parts):
        part = MIMEBase("application", "octet-stream")
        part.add_header("Content-Disposition", "form-data", name=f"n{number}", filename=f"f{number}.bin")
        part.set_payload(data.hex())
        message.attach(part)
    body = message.as_bytes().partition(b"\n\n")[2]
    rendered = render(body, content_type=b"multipart/mixed; boundary=edge")
    lines = text_of(rendered, "multipart").split("\n")
    heads = [line for line in lines if line.startswith("●")]
    assert len(heads) == len(parts)
    for number, (head, data) in enumerate(zip(heads, parts, strict=True)):
        assert f'name "n{number}" · file "f{number}.bin"' in head
        assert head.endswith(f" {2 * len(data)} bytes")
        assert not data or f"  {data.hex()}" in lines


@given(letters, st.lists(st.sampled_from(CODINGS), min_size=1, max_size=4))
def test_any_stack_of_codings_gives_the_text_back(text: str, names: list[str]) -> None:
    coding = ", ".join(names).encode()
    again = redoing(coding)
    assert again is not None
    plain = ("words " + text).encode()
    body = again.feed(plain) + again.finish()
    both = [
        render(plain, content_type=b"text/plain"),
        render(body, content_type=b"text/plain", content_encoding=coding),
    ]
    assert both[0].lines == both[1].lines
    assert both[1].error == ""
