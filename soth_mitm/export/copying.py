"""What can be copied of a flow, under which key, and the text of each.

Text for a clipboard never holds a character that a terminal acts upon but line ends and tabs; a
command or a program holds such bytes as escapes of its language, so that they arrive all the same.
Nothing is masked: a copy is for repeating and reporting, and says when it holds credentials.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.export import clients, curl, facts, markdown, python, raw, redact
from soth_mitm.export.facts import CopyError
from soth_mitm.text import printable, printable_text

if TYPE_CHECKING:
    from soth_mitm.export.facts import FlowFacts, MessageFacts


class CopyKind(NamedTuple):
    """One entry of the menu that copies."""

    id: str
    label: str
    key: str
    explanation: str
    request_body: bool = False
    """Whether the body of the request is needed."""
    response_body: bool = False


class Copied(NamedTuple):
    """What goes to the clipboard."""

    text: str
    what: str
    """What it is, for the message that says so: `curl command, with credentials`."""


COPY_KINDS: tuple[CopyKind, ...] = (
    CopyKind("url", "URL", "u", "The address, in the form a browser takes"),
    CopyKind("curl", "curl command", "c", "Sends the request again, byte by byte", request_body=True),
    CopyKind("request_headers", "Request headers", "h", "The fields in their order and case"),
    CopyKind("response_headers", "Response headers", "H", "The fields in their order and case"),
    CopyKind("request_body", "Request body", "b", "The text, decompressed", request_body=True),
    CopyKind("response_body", "Response body", "B", "The text, decompressed", response_body=True),
    CopyKind("request_raw", "Raw request", "r", "Head and body as they came", request_body=True),
    CopyKind("response_raw", "Raw response", "R", "Head and body as they came", response_body=True),
    CopyKind("python", "Python (httpx)", "p", "A program that sends the request again", request_body=True),
    CopyKind("requests", "Python (requests)", "P", "The same with requests", request_body=True),
    CopyKind("httpie", "HTTPie command", "i", "Sends the request again", request_body=True),
    CopyKind("wget", "wget command", "w", "Sends the request again", request_body=True),
    CopyKind("fetch", "JavaScript (fetch)", "f", "For Node, and mostly for a browser", request_body=True),
    CopyKind(
        "markdown", "Markdown summary", "m", "Both messages for an issue or a chat",
        request_body=True, response_body=True,
    ),
    CopyKind("json_value", "JSON value", "v", "The value under the cursor"),
)  # fmt: skip
"""In the order of the menu; ids and keys are unique."""


class _Given(NamedTuple):
    """What a copy is made from."""

    flow: FlowFacts
    request_body: bytes
    response_body: bytes
    body_file: str
    value: str | None


def copy_text(
    kind: str,
    flow: FlowFacts,
    *,
    request_body: bytes = b"",
    response_body: bytes = b"",
    body_file: str = "",
    value: str | None = None,
) -> Copied:
    """Return the copy of a kind. Bodies are those that passed, their content codings kept.

    `body_file` names a file that holds the request's body, for a curl command whose body does not
    fit; `value` is the text for `json_value`. Up to `raw.COPIED_BODY` bytes are decoded here.

    Raises:
        CopyError: this flow has no such thing, or it cannot be copied; the text says what to do.
        KeyError: there is no such kind.
    """
    given = _Given(flow, request_body, response_body, body_file, value)
    make, what = _MAKERS[kind]
    text = make(given)
    return Copied(text, f"{what}, with credentials" if _tells_credentials(kind, flow) else what)


def why_not(kind: str, flow: FlowFacts) -> str:
    """Return why a kind cannot be copied from a flow, as far as that is plain without its bodies."""
    try:
        if kind == "url":
            if not facts.url(flow):
                raise CopyError(f"flow {flow.flow} has no address")
        elif kind.startswith("response"):
            _check_body(kind, facts.response_of(flow), "response")
        elif kind not in ("json_value", "markdown"):
            _check_body(kind, facts.request_of(flow), "request")
    except CopyError as error:
        return str(error)
    return ""


def _check_body(kind: str, message: MessageFacts, what: str) -> None:
    if kind.endswith("_body") and not message.body_bytes:
        raise CopyError(f"the {what} has no body")


def _url(given: _Given) -> str:
    url = facts.url(given.flow)
    if not url:
        raise CopyError(f"flow {given.flow.flow} has no address")
    return url


def _value(given: _Given) -> str:
    if given.value is None:
        raise CopyError("there is no JSON value under the cursor; put it on one in a JSON body")
    return printable_text(given.value)


_MAKERS: dict[str, tuple[Callable[[_Given], str], str]] = {
    "url": (_url, "URL"),
    "curl": (
        lambda given: curl.command(given.flow, given.request_body, body_file=given.body_file),
        "curl command",
    ),
    "request_headers": (lambda given: raw.fields_text(facts.request_of(given.flow)), "request headers"),
    "response_headers": (lambda given: raw.fields_text(facts.response_of(given.flow)), "response headers"),
    "request_body": (
        lambda given: raw.body_text(facts.request_of(given.flow), given.request_body, "request"),
        "request body",
    ),
    "response_body": (
        lambda given: raw.body_text(facts.response_of(given.flow), given.response_body, "response"),
        "response body",
    ),
    "request_raw": (
        lambda given: raw.message_text(facts.request_of(given.flow), given.request_body, "request"),
        "raw request",
    ),
    "response_raw": (
        lambda given: raw.message_text(facts.response_of(given.flow), given.response_body, "response"),
        "raw response",
    ),
    "python": (lambda given: python.snippet(given.flow, given.request_body), "Python program"),
    "requests": (lambda given: clients.requests(given.flow, given.request_body), "Python program"),
    "httpie": (lambda given: clients.httpie(given.flow, given.request_body), "HTTPie command"),
    "wget": (lambda given: clients.wget(given.flow, given.request_body), "wget command"),
    "fetch": (lambda given: clients.fetch(given.flow, given.request_body), "JavaScript"),
    "markdown": (
        lambda given: markdown.summary(given.flow, given.request_body, given.response_body),
        "Markdown summary",
    ),
    "json_value": (_value, "JSON value"),
}

_WITH_REQUEST = frozenset({
    "curl", "request_headers", "request_raw", "python", "requests", "httpie", "wget", "fetch", "markdown",
})  # fmt: skip
_WITH_RESPONSE = frozenset({"response_headers", "response_raw", "markdown"})
_CREDENTIALS = frozenset({b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"})


def _tells_credentials(kind: str, flow: FlowFacts) -> bool:
    """Return whether what is copied holds a field or a parameter that is named like a secret."""
    if kind == "url":
        return _in_target(flow.request)
    messages = (
        flow.request if kind in _WITH_REQUEST else None,
        flow.response if kind in _WITH_RESPONSE else None,
    )
    return any(_in_target(message) or _in_fields(message) for message in messages)


def _in_target(message: MessageFacts | None) -> bool:
    target = printable(message.target) if message is not None else ""
    return redact.url(target) != target


def _in_fields(message: MessageFacts | None) -> bool:
    return message is not None and any(
        name.lower() in _CREDENTIALS or redact.is_secret(name.decode("latin-1")) for name, _ in message.fields
    )
