"""Mask secrets in what leaves the proxy as text: fields, query parameters, members of JSON.

A name decides: `Authorization`, cookies, and whatever is called a key, a token, a password or a
signature; and the looks decide, for keys that are known by theirs (`SHAPES`). Masking keeps what helps to
debug (the scheme, a cookie's name and attributes, the parameter's name). It is a courtesy for logs, not
a proof: a secret in a path, or under a harmless name, stays.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote_plus

from soth_mitm.decode.registry import DECODERS

MASK = "***"

_SECRET_NAMES = frozenset({
    "key", "sig", "auth", "authorization", "proxyauthorization", "pass", "passwd", "pwd", "pin", "otp", "jwt",
    "sid",
    "assertion", "session", "jsessionid", "phpsessid", "codeverifier",
})  # fmt: skip
_SECRET_ENDS = (
    "token", "secret", "password", "passphrase", "signature", "credential", "credentials", "apikey",
    "accesskey", "accesskeyid", "secretkey", "authkey", "privatekey", "subscriptionkey", "functionskey",
    "sessionkey", "sessionid", "sharedkey", "signingkey", "accountkey",
)  # fmt: skip
_HARMLESS = frozenset({"pagetoken", "nextpagetoken", "nexttoken", "continuationtoken", "synctoken"})
"""Names that end like a secret and only say where a listing goes on."""

_SCHEMED = frozenset({"authorization", "proxy-authorization"})
_COOKIES = frozenset({"cookie", "cookie2"})
_SET_COOKIES = frozenset({"set-cookie", "set-cookie2"})

_NOISE = re.compile(r"[^a-z0-9]")
_LONGEST_NAME = 200
_PARAMETER = re.compile(r"(^|[?&;#])([^=&;#?\s\"'<>]{1,200})=[^&#\s]+")
_INNER_PARAMETER = re.compile(r"([?&])([^=&;#?\s\"'<>\\]{1,200})=[^&#\s\"'<>\\]+")
"""A parameter of a URL within a text, where it ends with the URL."""
_MEMBER = re.compile(r'("([^"\\]{1,100})"\s{0,100}:\s{0,100})"[^"\\]*(?:\\.[^"\\]*)*("|\\?\Z)', re.DOTALL)
_OPAQUE_MEMBER = re.compile(
    r'(\\"([^"\\]{1,100})\\"\s{0,100}:\s{0,100}\\")'
    r'(?:[^"\\]|\\[^"\\]|\\\\(?:\\.|[^"\\])){0,65536}+(?=\\")',
    re.DOTALL,
)
"""A member of JSON inside of a string of JSON, as the arguments of tools are.

Its text can be taken apart in one way only, so that many backslashes do not cost ever more time.
"""
_VALUE_MEMBER = re.compile(
    r'("([^"\\]{1,100})"\s{0,100}:\s{0,100}\{\s{0,100}"value"\s{0,100}:\s{0,100}")[^"\\]+'
)
"""An object around the value of a secret, as `client_secret` of a session is."""
_PROTOCOL = re.compile(
    r"((?:api-?key|bearer\.authorization\.k8s\.io|bearer|token|jwt|authorization)[.-])(?!authorization)[^,\s]{6,}",
    re.IGNORECASE,
)
_SPACED = re.compile(r'"\s+:')
"""A name with space behind it, which no JSON has that was laid out."""
_PART = re.compile(r'● (?:part \d+(?: · name "([^"]{1,200})")?)?')
_TREE_MEMBER = re.compile(
    r"""(\s*(?:"([^"\\]{1,100})"|([\w.-]{1,100})): )("(?:[^"\\]|\\.)*"|[hb]['"].*?['"]|[^{\[,\s"]+)(,?)"""
)
_USERINFO = re.compile(r"([a-zA-Z0-9+.-]://)[^\s/?#@]{1,2000}@")
_FIELD_ARGUMENT = re.compile(
    r"(\b(?:(?:proxy-)?authorization|cookie|x-api-key|[\w-]{0,60}(?:token|secret)):\s?(?:(?:basic|bearer)\s)?)\S+",
    re.IGNORECASE,
)
_LOGIN_OPTION = re.compile(r"((?<!\S)(?:-u|--user|-U|--proxy-user)[ =]?[^\s:-][^\s:]{0,200}):\S+")
_OPTION = re.compile(r"((?<!\S)--?([\w-]{1,100})[= ])(?!-)\S+")


SHAPES: dict[str, str] = {
    "AWS access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255})",
    "GitLab token": r"\bglpat-[\w-]{20,255}",
    "Slack token": r"\bxox[abeprs]-[A-Za-z0-9-]{10,255}",
    "Stripe key": r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,255}",
    "key that begins with sk-": r"\bsk-[A-Za-z0-9_-]{20,255}",
    "OpenAI ephemeral key": r"\bek_[A-Za-z0-9]{20,255}",
    "Google API key": r"\bAIza[\w-]{35}",
    "npm token": r"\bnpm_[A-Za-z0-9]{36}",
    "PyPI token": r"\bpypi-[\w-]{50,255}",
    "JSON web token": r"\beyJ[\w-]{8,4096}\.eyJ[\w-]{8,8192}\.[\w-]{8,4096}",
    # No five dashes within: otherwise each beginning of many would be followed far, for nothing.
    "private key": r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?:[^-]|-(?!----)){1,8192}+"
    r"-----END [A-Z ]{0,20}PRIVATE KEY-----",
}
"""What keys look like that are known by their looks alone, wherever they stand."""

_SHAPES = re.compile(
    "|".join(f"(?P<s{number}>{shape})" for number, shape in enumerate(SHAPES.values())), re.DOTALL | re.ASCII
)
_HINTS = {
    "_": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "k_live_", "k_test_", "npm_", "ek_"),
    "-": ("glpat-", "xox", "sk-", "pypi-", "-----BEGIN"),
    "I": ("AKIA", "ASIA", "AIza"),
    "J": ("eyJ",),
}
"""One of these is in every key of a known shape, by a character that each of a group has.

Looking for them costs little, and for a single character next to nothing.
"""

_SHAPE_NAMES = tuple(SHAPES)
_SHORTEST = 16


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Return whether a field, parameter or member of this name holds a secret."""
    plain = _NOISE.sub("", unquote_plus(name[:_LONGEST_NAME]).lower())
    if plain in _SECRET_NAMES:
        return True
    return plain.endswith(_SECRET_ENDS) and plain not in _HARMLESS


def _hinted(text: str) -> bool:
    """Say whether there may be a key of a known shape."""
    for char, hints in _HINTS.items():
        if char in text:
            for hint in hints:
                if hint in text:
                    return True
    return False


class Masker:
    """Masks by the rules that always hold; `masking.Masks` counts, and has rules of a person's own."""

    def secret(self, kind: str, name: str) -> bool:
        """Say whether what has this name is masked; kinds are `field`, `cookie`, `query` and `member`."""
        return kind == "cookie" or is_secret(name)

    def url(self, text: str) -> str:
        """Mask the values of secret parameters in a URL, a query or a form, and a password before a host."""
        if "@" in text:
            text = _USERINFO.sub(rf"\1{MASK}@", text)
        if "=" in text:
            text = _PARAMETER.sub(self._parameter, text)
        return self.keys(text)

    def keys(self, text: str) -> str:
        """Mask what looks like a key."""
        if len(text) < _SHORTEST:
            return text
        return self._shapes(text) if _hinted(text) else text

    def _shapes(self, text: str) -> str:
        return _SHAPES.sub(self._shape, text)

    def field(self, name: str, value: str) -> str:
        """Mask the value of a field where its name, or a URL or a key in it, asks for that."""
        lower = name.strip().lower()
        if lower in _COOKIES:
            return ";".join(self._cookie(part) for part in value.split(";"))
        if lower in _SET_COOKIES:
            cookie, semicolon, attributes = value.partition(";")
            return self._cookie(cookie) + semicolon + attributes
        if lower == "sec-websocket-protocol":
            value = _PROTOCOL.sub(self._protocol, value)
        if self.secret("field", lower):
            scheme, space, _ = value.strip().partition(" ") if lower in _SCHEMED else ("", "", "")
            return f"{scheme} {MASK}" if space else MASK
        return self.url(value)

    def body(self, text: str, kind: str) -> str:
        """Mask the parameters of a form, the text members of any JSON, and what looks like a key."""
        if kind == "form":
            return "&".join(map(self._pair, text.split("&")))
        if '"' in text:
            if "{" in text:
                text = _VALUE_MEMBER.sub(self._within, text)
            text = _MEMBER.sub(self._member, text)
            if '\\"' in text:
                text = _OPAQUE_MEMBER.sub(self._within, text)
        if "=" in text and ("?" in text or "&" in text):
            text = _INNER_PARAMETER.sub(self._parameter, text)
        return self.keys(text)

    def noted_shape(self, name: str) -> str:
        """Return what stands in place of a key of this shape."""
        return MASK

    def _shape(self, match: re.Match[str]) -> str:
        return self.noted_shape(_SHAPE_NAMES[int((match.lastgroup or "s0")[1:])])

    def _parameter(self, match: re.Match[str]) -> str:
        return f"{match[1]}{match[2]}={MASK}" if self.secret("query", match[2]) else match[0]

    def _cookie(self, part: str) -> str:
        name, equals, _ = part.partition("=")
        if not self.secret("cookie", name.strip() if equals else ""):
            return part
        return f"{name}={MASK}" if equals else MASK

    def _pair(self, text: str) -> str:
        name, equals, _ = text.partition("=")
        return f"{name}={MASK}" if equals and self.secret("query", name) else self.keys(text)

    def _protocol(self, match: re.Match[str]) -> str:
        return f"{match[1]}{self.noted_shape('key among the protocols of a WebSocket')}"

    def _within(self, match: re.Match[str]) -> str:
        return f"{match[1]}{MASK}" if self.secret("member", match[2]) else match[0]

    def _member(self, match: re.Match[str]) -> str:
        return f'{match[1]}"{MASK}"' if self.secret("member", match[2]) else match[0]


_always = Masker()
url = _always.url
field = _always.field
body = _always.body


def command(text: str) -> str:
    """Mask secrets in a command line, as far as they can be told: in URLs, fields and options."""
    text = _FIELD_ARGUMENT.sub(lambda match: f"{match[1]}{MASK}", url(text))
    text = _LOGIN_OPTION.sub(rf"\1:{MASK}", text)
    return _OPTION.sub(lambda match: f"{match[1]}{MASK}" if is_secret(match[2]) else match[0], text)


def lines(texts: list[str], kind: str) -> list[str]:
    """Do the same to a body that is laid out as lines; `kind` is the decoder that did it."""
    if kind == "hex":
        return texts
    if kind == "form":
        return [_form_line(text) for text in texts]
    decoder = DECODERS.get(kind)
    if decoder is not None and decoder.look == "tree":
        return _tree_lines(texts)
    if _nothing_to_mask("\n".join(texts)):
        return texts
    return [body(text, kind) for text in texts]


def _nothing_to_mask(text: str) -> bool:
    """Say whether no line can hold a secret, in a tenth of the time that looking at each line takes."""
    if _hinted(text) or '\\"' in text or _SPACED.search(text):
        return False
    # Whatever may be the name of a member in some line, whichever quotes belong together there.
    names = {part[part.rfind('"') + 1 :] for part in text.split('":')}
    if "=" in text:
        names.update(name for _, name in _INNER_PARAMETER.findall(text))
    return not any(map(is_secret, names))


def _form_line(text: str) -> str:
    name, equals, _ = text.partition(" = ")
    return f"{name} = {MASK}" if equals and is_secret(name) else text


_ENDPOINT = "● endpoint"
"""What stands over the address that MCP sends messages to, with the id of a session in it."""


def _tree_lines(texts: list[str]) -> list[str]:
    """Mask members by their names, and the whole of a part whose name is that of a secret."""
    out: list[str] = []
    secret = place = False
    for text in texts:
        part = _PART.match(text)
        if part is not None:
            secret = is_secret(part[1] or "")
            place = text.endswith(_ENDPOINT)
            out.append(text)
            continue
        member = _TREE_MEMBER.match(text)
        if secret:
            out.append(f"{text[: len(text) - len(text.lstrip())]}{MASK}")
        elif member is not None and is_secret(member[2] or member[3]):
            out.append(f'{member[1]}"{MASK}"{member[5] or ""}')
        else:
            out.append(url(text) if place else body(text, "tree"))
    return out
