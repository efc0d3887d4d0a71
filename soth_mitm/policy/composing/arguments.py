"""The options of curl, and a command line read by them: which take a value, and which do not matter here."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Final, NamedTuple

from soth_mitm.policy.composing.words import PasteError, Word
from soth_mitm.text import printable

LONG: Final = {
    "request": "X", "header": "H", "data": "d", "data-ascii": "d", "user": "u", "cookie": "b",
    "user-agent": "A", "referer": "e", "get": "G", "head": "I", "form": "F", "range": "r",
    "upload-file": "T", "http1.0": "0", "config": "K",
}  # fmt: skip
"""Long names of what is read by its letter."""

VALUED: Final = frozenset({
    "X", "H", "d", "u", "b", "A", "e", "F", "r", "T", "K", "data-raw", "data-binary", "data-urlencode",
    "json", "form-string", "url", "url-query", "request-target", "oauth2-bearer", "aws-sigv4",
})  # fmt: skip
"""What takes a value, and changes the request."""

PLAIN: Final = frozenset({
    "G", "I", "0", "compressed", "http1.1", "http2", "http2-prior-knowledge", "path-as-is", "g",
})  # fmt: skip
"""What takes none, and changes it."""

IDLE_VALUED: Final = frozenset({
    "o", "m", "x", "w", "E", "c", "C", "D", "U", "y", "Y", "z", "P", "t", "Q", "connect-timeout",
    "max-time", "proxy", "proxy-user", "proxy-header", "resolve", "connect-to", "cacert", "capath",
    "cert", "cert-type", "key", "key-type", "pass", "ciphers", "tls13-ciphers", "tls-max", "curves",
    "output", "write-out", "retry", "retry-delay", "retry-max-time", "cookie-jar", "limit-rate",
    "interface", "noproxy", "max-redirs", "dump-header", "trace", "trace-ascii", "stderr",
    "continue-at", "max-filesize", "proto", "proto-default", "dns-servers", "doh-url", "unix-socket",
    "abstract-unix-socket", "keepalive-time", "speed-limit", "speed-time", "output-dir",
    "expect100-timeout", "pinnedpubkey", "socks5", "socks5-hostname", "socks4", "socks4a", "preproxy",
    "rate", "local-port", "happy-eyeballs-timeout-ms", "time-cond", "engine", "krb",
})  # fmt: skip
"""What takes a value, and does not change what is sent."""

IDLE_PLAIN: Final = frozenset({
    "s", "S", "v", "i", "L", "k", "f", "N", "#", "O", "J", "j", "R", "q", "Z", "4", "6", "1", "2", "3",
    "n", "silent", "show-error", "verbose", "include", "location", "location-trusted", "insecure",
    "fail", "fail-with-body", "fail-early", "no-buffer", "progress-bar", "no-progress-meter",
    "remote-name", "remote-header-name", "remote-name-all", "junk-session-cookies", "remote-time",
    "parallel", "ipv4", "ipv6", "tlsv1", "tlsv1.0", "tlsv1.1", "tlsv1.2", "tlsv1.3", "sslv2", "sslv3",
    "disable", "globoff", "http3", "http3-only", "tcp-nodelay", "tcp-fastopen", "no-keepalive",
    "no-alpn", "no-sessionid", "basic", "ntlm", "negotiate", "digest", "anyauth", "ssl-no-revoke",
    "proxy-insecure", "post301", "post302", "post303", "raw", "styled-output", "create-dirs", "netrc",
    "netrc-optional", "trace-time", "tr-encoding", "ssl", "ssl-reqd", "cert-status", "haproxy-protocol",
    "no-clobber", "compressed-ssh", "false-start", "retry-all-errors", "retry-connrefused",
    "skip-existing", "proxytunnel", "p", "a", "append", "B", "use-ascii", "l", "M", "h",
})  # fmt: skip
"""What takes none, and does not change it, or not in a way that a single request shows."""

_KNOWN: Final = {*LONG, *VALUED, *PLAIN, *IDLE_VALUED, *IDLE_PLAIN}
_AUTH: Final = frozenset({"ntlm", "negotiate", "digest", "anyauth"})


class Option(NamedTuple):
    """An option, or a URL, which is the option `url`."""

    name: str
    value: bytes
    position: int
    idle: bool = False
    """It does not change what is sent."""
    shown: str = ""


def options(words: list[Word], text: str) -> Iterator[Option]:
    """Yield the options of a command line, of which `words` are what comes after `curl`.

    Raises:
        PasteError: an option is not known, or lacks its value.
    """
    waiting = iter(words)
    only_urls = False
    for word in waiting:
        if only_urls or word.value[:1] != b"-" or word.value == b"-":
            yield Option("url", word.value, word.position, shown="URL")
        elif word.value == b"--":
            only_urls = True
        elif word.value.startswith(b"--"):
            yield _long(word, waiting, text)
        else:
            yield from _short(word, waiting, text)


def _long(word: Word, waiting: Iterator[Word], text: str) -> Option:
    shown = printable(word.value, 60)
    written = shown[2:]
    name = LONG.get(written, written)
    if name == "globoff":
        name = "g"
    if name in VALUED or name in IDLE_VALUED:
        return Option(name, _value(word, waiting, text, shown), word.position, name in IDLE_VALUED, shown)
    if name in PLAIN or name in IDLE_PLAIN or _without_no(written):
        return Option(name, b"", word.position, name not in PLAIN, shown)
    near = difflib.get_close_matches(written, _KNOWN, n=1)
    hint = f"; did you mean --{near[0]}?" if near and len(near[0]) > 1 else ""
    raise PasteError(word.position, f"the option {shown} of curl is not known here{hint}", text)


def _without_no(written: str) -> bool:
    rest = written.removeprefix("no-")
    return rest != written and (rest in IDLE_PLAIN or rest in PLAIN)


def _short(word: Word, waiting: Iterator[Word], text: str) -> Iterator[Option]:
    letters = word.value[1:]
    for at in range(len(letters)):
        name = chr(letters[at])
        shown = printable(f"-{name}", 10)
        if name in VALUED or name in IDLE_VALUED:
            rest = letters[at + 1 :]
            value = rest or _value(word, waiting, text, shown)
            yield Option(name, value, word.position, name in IDLE_VALUED, shown)
            return
        if name not in PLAIN and name not in IDLE_PLAIN:
            raise PasteError(word.position, f"the option {shown} of curl is not known here", text)
        yield Option(name, b"", word.position, name not in PLAIN, shown)


def _value(word: Word, waiting: Iterator[Word], text: str, shown: str) -> bytes:
    found = next(waiting, None)
    if found is None:
        raise PasteError(word.position, f"{shown} needs a value after it", text)
    return found.value


def note_of(option: Option) -> str:
    """Return a remark about an option that does not change what is sent; empty where it needs none."""
    if option.name in ("k", "insecure"):
        return "-k: whether certificates are verified is a setting of the proxy here"
    if option.name in ("x", "proxy", "preproxy", "socks5", "socks5-hostname", "socks4", "socks4a"):
        return f"{option.shown}: through which proxy a host is reached is a setting here"
    if option.name in ("L", "location", "location-trusted"):
        return "-L: redirects are shown, not followed"
    if option.name in _AUTH:
        return f"{option.shown}: a handshake of several requests is not done here"
    if option.name in ("E", "cert", "key"):
        return f"{option.shown}: client certificates are a setting here"
    if option.name in ("resolve", "connect-to"):
        return f"{option.shown}: names are resolved as ever"
    return ""
