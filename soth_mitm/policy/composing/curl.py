"""A curl command as the request that curl would send: method, target, fields in curl's order, body.

All forms that browsers copy are read, for POSIX shells and for the Windows prompt. What is in a file
is not there to be sent: that is an error which names the file. Nothing is fetched, run or looked up.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from soth_mitm.policy.composing.arguments import Option, note_of, options
from soth_mitm.policy.composing.forms import Part, multipart
from soth_mitm.policy.composing.words import PasteError, split
from soth_mitm.policy.editing.draft import RequestDraft
from soth_mitm.proto.authority import ConnectError, parse_authority
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.policy.editing.draft import FieldLine

_CURL: Final = re.compile(rb"(?:.*[/\\])?curl(?:\.exe)?", re.S)
_URL: Final = re.compile(rb"(?:([A-Za-z][A-Za-z0-9+.\-]*)://)?([^/?#]*)([^#]*)", re.S)
_GLOB: Final = re.compile(rb"\{[^{}]*,[^{}]*\}|\[[0-9a-zA-Z]+-[0-9a-zA-Z]+(?::\d+)?\]")
_PORTS: Final = {"http": 80, "https": 443}
_AGENT: Final = b"curl/8.5.0"
_CODINGS: Final = b"deflate, gzip, br, zstd"
_FORM: Final = b"application/x-www-form-urlencoded"
_DATA: Final = frozenset({"d", "data-raw", "data-binary", "data-urlencode", "json"})
_FILES: Final = frozenset({"d", "data-binary", "json"})
_VERSIONS: Final = {
    "0": "HTTP/1.0", "http1.1": "HTTP/1.1", "http2": "HTTP/2.0", "http2-prior-knowledge": "HTTP/2.0",
}  # fmt: skip


class Pasted(NamedTuple):
    """What a command asks for."""

    draft: RequestDraft
    notes: tuple[str, ...] = ()
    """What of it has no effect here, in words."""
    h2c: bool = False
    """HTTP/2 without TLS is to be spoken from the first byte."""


def from_curl(text: str) -> Pasted:
    """Return the request of a curl command.

    Raises:
        PasteError: it is none, or asks for what cannot be done here; the error says where.
    """
    words, rest = split(text)
    while words and words[0].value in (b"$", b"%", b">"):  # a prompt that was copied along
        words = words[1:]
    if not words:
        raise PasteError(0, "there is no command here; paste one that begins with curl", text)
    if not _CURL.fullmatch(words[0].value):
        name = printable(words[0].value, 40)
        raise PasteError(words[0].position, f"a command of curl begins with curl, not with {name}", text)
    reading = _Reading(text)
    for option in options(words[1:], text):
        reading.take(option)
    if rest:
        reading.notes.append(f"what comes after the command is left out: {printable(rest, 60)}")
    return reading.finish(words[0].position)


class _Reading:
    """What the options say, until all of them are known."""

    def __init__(self, text: str) -> None:
        self.notes: list[str] = []
        self._text = text
        self._url: Option | None = None
        self._method = b""
        self._given: list[FieldLine | bytes] = []
        """Fields, and names of those that curl is not to send."""
        self._data: list[bytes] = []
        self._json = False
        self._parts: list[Part] = []
        self._query: list[bytes] = []
        self._target = b""
        self._user = self._range = self._bearer = b""
        self._cookies: list[bytes] = []
        self._agent: bytes | None = None
        self._referer = b""
        self._flags: set[str] = set()
        self._version = ""

    def take(self, option: Option) -> None:
        """Take one option."""
        name, value = option.name, option.value
        if option.idle:
            note = note_of(option)
            if note and note not in self.notes:
                self.notes.append(note)
        elif name in _DATA:
            self._take_data(option)
        elif name in ("F", "form-string"):
            self._take_part(option)
        elif name == "H":
            self._take_field(option)
        elif name == "url":
            if self._url is not None:
                self._refuse(option, "there is a second URL here; paste one request at a time")
            self._url = option
        elif name in ("T", "K"):
            self._refuse_file(option, value)
        elif name == "aws-sigv4":
            self._refuse(option, "signing with --aws-sigv4 is not done here; copy a request that is signed")
        elif name in _VERSIONS:
            self._version = _VERSIONS[name]
            self._flags.add(name)
        elif name == "b" and b"=" not in value:
            self._refuse_file(option, value)
        elif name == "url-query":
            self._query.append(value[1:] if value[:1] == b"+" else _encoded(value))
        elif name == "X":
            self._method = value
        elif name == "b":
            self._cookies.append(value)
        elif name in _KEPT:
            setattr(self, _KEPT[name], value)
        else:
            self._flags.add(name)

    def _refuse(self, option: Option, words: str) -> None:
        raise PasteError(option.position, words, self._text)

    def _refuse_file(self, option: Option, name: bytes) -> None:
        what = "standard input" if name == b"-" else f"the file {printable(name, 80)}"
        self._refuse(
            option, f"{option.shown} sends what is in {what}, which was not pasted; put the content there"
        )

    def _take_data(self, option: Option) -> None:
        name, value = option.name, option.value
        if name in _FILES and value[:1] == b"@":
            self._refuse_file(option, value[1:])
        if name == "data-urlencode":
            head, at, file = value.partition(b"@")
            if at and b"=" not in head:
                self._refuse_file(option, file)
            value = _encoded(value)
        if name == "json":
            self._json = True
        joint = b"" if name == "json" or not self._data else b"&"
        self._data.append(joint + value)

    def _take_part(self, option: Option) -> None:
        name, equals, value = option.value.partition(b"=")
        if not equals:
            self._refuse(option, f"{option.shown} needs NAME=VALUE")
        if option.name == "F" and value[:1] in b"@<" and value:
            self._refuse_file(option, value[1:].partition(b";")[0])
        self._parts.append(Part.of(name, value, literal=option.name == "form-string"))

    def _take_field(self, option: Option) -> None:
        value = option.value
        if value[:1] == b"@":
            self._refuse_file(option, value[1:])
        name, colon, content = value.partition(b":")
        if colon:
            content = content.strip(b" \t\r\n")
            self._given.append((name, content) if content else name.lower())
        elif value.endswith(b";"):
            self._given.append((value[:-1], b""))
        else:
            shown = printable(value, 60)
            self._refuse(option, f"{shown!r} is no field; write NAME: VALUE, or NAME; for an empty one")

    # --- putting it together ------------------------------------------------------------------------

    def finish(self, position: int) -> Pasted:
        """Return the request."""
        if self._url is None:
            raise PasteError(position, "the command names no URL", self._text)
        scheme, authority, path = self._parse_url(self._url)
        body, kind = self._body()
        if body is not None and "G" in self._flags:
            path += (b"&" if b"?" in path else b"?") + body
            body = None
        for each in self._query:
            path += (b"&" if b"?" in path else b"?") + each
        try:
            site = parse_authority(authority, default_port=_PORTS[scheme])
        except ConnectError as error:
            words = f"the URL names no server: {error.detail}"
            raise PasteError(self._url.position, words, self._text) from None
        draft = RequestDraft(
            scheme=scheme,
            host=site.host,
            port=site.port,
            method=self._method or self._usual_method(body),
            target=self._target or path,
            fields=self._fields(authority, body, kind),
            body=body or b"",
            version=self._version or ("HTTP/2.0" if scheme == "https" else "HTTP/1.1"),
        )
        h2c = scheme == "http" and "http2-prior-knowledge" in self._flags
        return Pasted(draft, tuple(self.notes), h2c)

    def _usual_method(self, body: bytes | None) -> bytes:
        if "I" in self._flags:
            return b"HEAD"
        return b"GET" if body is None else b"POST"

    def _parse_url(self, option: Option) -> tuple[str, bytes, bytes]:
        url = option.value.strip()
        match = _URL.fullmatch(url.partition(b"#")[0])
        scheme = (match[1] or b"http").decode().lower() if match else ""
        if match is None or not match[2] or scheme not in _PORTS:
            shown = printable(url, 80)
            why = "is no URL" if scheme in ("", *_PORTS) else "is neither http nor https"
            self._refuse(option, f"{shown!r} {why}")
        assert match is not None, "refused otherwise"
        authority, path = match[2], match[3]
        if re.search(rb"[\0-\x20\x7f]", url):
            self._refuse(option, "the URL holds a blank or a control character; write %20 for a blank")
        if "g" not in self._flags and _GLOB.search(url):
            self._refuse(option, "curl would make several URLs of this; write one, or add --globoff")
        user, at, authority = authority.rpartition(b"@")
        if at and not self._user:
            self._user = unquote_to_bytes(user)
        if path[:1] != b"/":
            path = b"/" + path
        if "path-as-is" not in self._flags:
            plain, question, query = path.partition(b"?")
            path = _without_dots(plain) + question + query
        return scheme, authority, path

    def _body(self) -> tuple[bytes | None, bytes]:
        if self._parts and self._data:
            raise PasteError(0, "a request has either -d or -F for its body, not both", self._text)
        if self._parts:
            boundary, body = multipart(self._parts)
            return body, b"multipart/form-data; boundary=" + boundary
        if self._data:
            return b"".join(self._data), b"application/json" if self._json else _FORM
        return None, b""

    def _fields(self, authority: bytes, body: bytes | None, kind: bytes) -> tuple[FieldLine, ...]:
        """Return the fields in the order in which curl sends them."""
        given = [each for each in self._given if isinstance(each, tuple)]
        names = {name.lower() for name, _ in given}
        taken = names | {each for each in self._given if isinstance(each, bytes)}
        host = next((value for name, value in given if name.lower() == b"host"), None)
        if host is None:
            host = authority.rpartition(b"@")[2]
        own: list[FieldLine] = [(b"Host", host)]
        if self._user:
            own.append((b"Authorization", b"Basic " + base64.b64encode(self._user)))
        elif self._bearer:
            own.append((b"Authorization", b"Bearer " + self._bearer))
        own += [(b"Range", b"bytes=" + self._range)] if self._range else []
        agent = _AGENT if self._agent is None else self._agent
        own += [(b"User-Agent", agent)] if agent else []
        own.append((b"Accept", b"application/json" if self._json else b"*/*"))
        own += [(b"Accept-Encoding", _CODINGS)] if "compressed" in self._flags else []
        own += [(b"Referer", self._referer)] if self._referer else []
        own += [(b"Cookie", b"; ".join(self._cookies))] if self._cookies else []
        last: list[FieldLine] = []
        if body is not None:
            last = [(b"Content-Length", b"%d" % len(body)), (b"Content-Type", kind)]
        fields = [pair for pair in own if pair[0].lower() not in taken - {b"host"}]
        fields += [pair for pair in given if pair[0].lower() != b"host"]
        return (*fields, *(pair for pair in last if pair[0].lower() not in taken))


_KEPT: Final = {
    "u": "_user", "A": "_agent", "e": "_referer", "r": "_range", "oauth2-bearer": "_bearer",
    "request-target": "_target",
}  # fmt: skip


def _encoded(value: bytes) -> bytes:
    """Return what --data-urlencode makes of its value."""
    name, equals, content = value.partition(b"=")
    if not equals:
        name, content = b"", value
    encoded = quote(content, safe="-._~").encode()
    return name + b"=" + encoded if name else encoded


def _without_dots(path: bytes) -> bytes:
    """Return a path without `.` and `..` (RFC 3986 section 5.2.4)."""
    if b"/." not in path:
        return path
    out: list[bytes] = []
    parts = path.split(b"/")[1:]
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part in (b".", b".."):
            if part == b".." and out:
                out.pop()
            if last:
                out.append(b"")
        else:
            out.append(part)
    return b"/" + b"/".join(out)
