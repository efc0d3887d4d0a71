"""What a rule may do to a message, one struct for each; `do` in the settings names it.

A name of a field is compared without regard to case. Patterns are regular expressions of Python's `re`
over bytes; a replacement may refer to their groups as `\\1` or `\\g<name>`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Side = Literal["request", "response"]


class _Action(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="do", rename="kebab", forbid_unknown_fields=True
):
    pass


class MapRemote(_Action, frozen=True, tag="map-remote"):
    """Send the request to another URL: what follows `prefix` in its path is put behind the path of `to`."""

    to: str
    """`http(s)://host[:port][/path]`."""
    prefix: str = ""
    """What the path has to begin with, and loses; empty: nothing."""
    keep_host: bool = False
    """Leave the Host field as it is."""


class RedirectHost(_Action, frozen=True, tag="redirect-host"):
    """Connect to another server; the request stays as it is, its Host field too."""

    to: str
    """`host`, `host:port` or `http(s)://host[:port]`."""


class MapLocal(_Action, frozen=True, tag="map-local"):
    """Answer from a file, or from the files of a folder; nothing outside of it is ever read."""

    path: str
    prefix: str = ""
    """What a path loses before it is looked for in the folder."""
    missing: Literal["404", "forward"] = "404"
    """What becomes of a request for which there is no file."""


class Mock(_Action, frozen=True, tag="mock"):
    """Answer with this response; the upstream sees nothing."""

    status: int = 200
    fields: tuple[str, ...] = ()
    """Lines `Name: value`."""
    body: str = ""
    file: str = ""
    """A file that is the body, read when it is asked for."""
    trailers: tuple[str, ...] = ()
    """Lines `Name: value` that come after the body: the status of a gRPC call, for instance."""


class Block(_Action, frozen=True, tag="block"):
    """Refuse the request."""

    status: int = 403
    text: str = "blocked by a rule"


class SetField(_Action, frozen=True, tag="set-field"):
    """Give a field this value, in the place of all that it has, or behind the others where it has none."""

    field: str
    value: str
    on: Side = "request"
    add: bool = False
    """Leave those that are there."""


class RemoveField(_Action, frozen=True, tag="remove-field"):
    """Take a field out; it may be a glob, such as `x-debug-*`."""

    field: str
    on: Side = "request"


class ReplaceField(_Action, frozen=True, tag="replace-field"):
    """Replace a pattern in the values of a field."""

    field: str
    pattern: str
    replacement: str = ""
    on: Side = "request"


class ReplaceBody(_Action, frozen=True, tag="replace-body"):
    """Replace a pattern in a body as it streams; a match has at most 4,096 bytes.

    Content codings are undone and redone.
    """

    pattern: str
    replacement: str = ""
    on: Side = "response"
    literal: bool = False
    """The pattern is text, and no regular expression."""


class Delay(_Action, frozen=True, tag="delay"):
    """Hold the message's head back."""

    seconds: float
    """At most 300."""
    on: Side = "response"


class LimitRate(_Action, frozen=True, tag="limit-rate"):
    """Let the body pass no faster than this."""

    bytes_per_second: int
    on: Side = "response"


class Fail(_Action, frozen=True, tag="fail"):
    """Break the exchange: reset it at once, or cut the response short."""

    after_bytes: int | None = None
    """Of the response's body that go through."""
    after_messages: int | None = None
    """Of the stream that go through, to the client: of a WebSocket, SSE, gRPC or JSON lines."""


class StickyAuth(_Action, frozen=True, tag="sticky-auth"):
    """Send the last Authorization of a host again, with requests that have none."""


class StickyCookie(_Action, frozen=True, tag="sticky-cookie"):
    """Send the cookies that a host has set, with requests that have none (RFC 6265)."""


class AntiCache(_Action, frozen=True, tag="anti-cache"):
    """Ask for the whole response: take out If-None-Match and If-Modified-Since."""


class NoCompression(_Action, frozen=True, tag="no-compression"):
    """Ask for responses without a content coding."""


Action = (
    MapRemote
    | RedirectHost
    | MapLocal
    | Mock
    | Block
    | SetField
    | RemoveField
    | ReplaceField
    | ReplaceBody
    | Delay
    | LimitRate
    | Fail
    | StickyAuth
    | StickyCookie
    | AntiCache
    | NoCompression
)

KINDS: tuple[type[_Action], ...] = (
    MapRemote, MapLocal, RedirectHost, Mock, Block, SetField, RemoveField, ReplaceField, ReplaceBody, Delay,
    LimitRate, Fail, StickyAuth, StickyCookie, AntiCache, NoCompression,
)  # fmt: skip
"""In the order in which a person is offered them."""


def name_of(action: Action | type[_Action]) -> str:
    """Return what the settings call an action."""
    return str(action.__struct_config__.tag)


def described(action: Action) -> str:
    """Return an action in a few words, for lists and events."""
    match action:
        case MapRemote(to=to) | RedirectHost(to=to):
            return f"to {to}"
        case MapLocal(path=path):
            return f"from {path}"
        case Mock(status=status, file=file):
            return f"{status} from {file}" if file else f"{status}"
        case Block(status=status):
            return f"with {status}"
        case SetField(field=name, value=value, on=on, add=add):
            return f"{on} {name}{' +=' if add else ':'} {value}"
        case RemoveField(field=name, on=on):
            return f"{on} {name}"
        case ReplaceField(field=name, pattern=pattern, replacement=replacement, on=on):
            return f"{on} {name}: {pattern} by {replacement!r}"
        case ReplaceBody(pattern=pattern, replacement=replacement, on=on):
            return f"{on}: {pattern} by {replacement!r}"
        case Delay(seconds=seconds, on=on):
            return f"{on} by {seconds:g} s"
        case LimitRate(bytes_per_second=rate, on=on):
            return f"{on} to {rate:,} bytes/s"
        case Fail(after_bytes=count) if count is not None:
            return f"after {count:,} bytes"
        case Fail(after_messages=count) if count is not None:
            return f"after {count:,} messages"
        case Fail():
            return "with a reset"
        case _:
            return ""
