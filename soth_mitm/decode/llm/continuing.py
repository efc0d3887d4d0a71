"""Turns whose request holds only what is new, since the provider keeps the rest: put together again.

A request of OpenAI Responses says what it continues by `previous_response_id` or `conversation`; on a
WebSocket all that was said before counts. What comes out are requests and answers of Responses that hold all.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final, NamedTuple

from soth_mitm.decode.llm.framing import Objects
from soth_mitm.decode.llm.loose import as_json, fields, inner, items, text, value_of
from soth_mitm.decode.llm.recognise import LOOKED_AT, MESSAGES, Dialect, recognise
from soth_mitm.proto.splitting import Found, SplitError
from soth_mitm.proto.sse import SseSplitter

PATH: Final = b"/v1/responses"

MOST_KEPT: Final = 64
"""Answers of one WebSocket that a turn may continue, the latest of them."""

Value = dict[str, object]


class Links(NamedTuple):
    """What a request continues; empty where it says nothing."""

    after: str = ""
    """The answer before."""
    thread: str = ""
    """The conversation that the provider keeps."""


class Answer(NamedTuple):
    """An answer as later requests count it in."""

    id: str
    output: tuple[object, ...]


class Asked(NamedTuple):
    """A turn of a WebSocket, as if all of it had been asked in one request; both are JSON."""

    request: bytes
    answer: bytes
    """Empty where none has ended."""


def links_of(request: object) -> Links:
    """Return what a request continues."""
    body = fields(request)
    thread = text(body.get("conversation")) or text(inner(body, "conversation").get("id"))
    return Links(text(body.get("previous_response_id")), thread)


def answer_in(data: bytes, *, streamed: bool) -> Answer:
    """Return the id and the items of an answer of Responses; of one that breaks off, those that had ended."""
    if not streamed:
        return _answer(fields(value_of(data)))
    found = Answer("", ())
    said: list[object] = []
    parts: list[bytes] = []
    try:
        for item in SseSplitter().feed(data):
            parts.append(item.data)
            if isinstance(item, Found):
                body = fields(value_of(b"".join(parts)))
                parts.clear()
                if body.get("type") == "response.output_item.done":
                    said.append(body.get("item"))
                elif "response" in body:
                    found = _answer(inner(body, "response"))
    except SplitError:
        pass
    return found if found.output else Answer(found.id, tuple(said))


def continued(before: Value, answer: Answer, request: Value) -> Value:
    """Return a request with the one before, and what answered that, in front of what is new."""
    old, new = _inputs(before), _inputs(request)
    whole = {**request, "input": [*old, *answer.output, *new]}
    whole.pop("previous_response_id", None)
    whole.pop("conversation", None)
    return whole


def turns_of_socket(path: bytes, said: bytes) -> list[Asked]:
    """Return the last two turns of a WebSocket, whose texts are given one behind the other."""
    known = recognise(path, said[:LOOKED_AT], MESSAGES, response=True)
    if known is None:
        return []
    walk: _Realtime | _Turns = _Realtime() if known.dialect is Dialect.REALTIME else _Turns()
    for data in Objects().feed(said):
        walk.take(fields(value_of(data)))
    return [
        Asked(_encoded(request), _encoded(answer) if answer is not None else b"")
        for request, answer in walk.turns
    ]


def _answer(response: Value) -> Answer:
    return Answer(text(response.get("id")), tuple(items(response.get("output"))))


def _inputs(request: Value) -> list[object]:
    said = request.get("input")
    return [{"role": "user", "content": said}] if isinstance(said, str) else items(said)


def _encoded(value: Value) -> bytes:
    return as_json(value).encode("utf-8", "surrogatepass")


class _Walk:
    """What both kinds of WebSockets have in common: answers, and the last two turns."""

    def __init__(self) -> None:
        self.turns: deque[tuple[Value, Value | None]] = deque(maxlen=2)
        self._done: list[object] = []
        """The items of the answer that is on its way."""

    def answered(self, body: Value) -> Value | None:
        """Take a message of an answer; return the answer where it has ended."""
        kind = text(body.get("type"))
        if kind == "response.created":
            self._done = []
        elif kind == "response.output_item.done":
            self._done.append(body.get("item"))
        elif kind in ("response.completed", "response.incomplete", "response.failed", "response.done"):
            told = inner(body, "response")
            usage = {**inner(told, "usage")}
            usage.setdefault("input_tokens_details", usage.get("input_token_details"))
            output = items(told.get("output")) or self._done
            answer: Value = {**told, "object": "response", "usage": usage, "output": output}
            if self.turns:
                self.turns[-1] = self.turns[-1][0], answer
            return answer
        return None


class _Turns(_Walk):
    """Responses over a WebSocket: each turn says what it continues."""

    def __init__(self) -> None:
        super().__init__()
        self._whole: OrderedDict[str, Value] = OrderedDict()
        """What was asked, with its answer, by the id of that."""

    def take(self, body: Value) -> None:
        """Take a message of either side."""
        if body.get("type") == "response.create":
            asked = {**(fields(body.get("response")) or body)}
            asked.pop("type", None)
            before = self._whole.get(links_of(asked).after)
            self.turns.append((continued(before, Answer("", ()), asked) if before else asked, None))
            return
        answer = self.answered(body)
        if answer is not None and self.turns:
            asked = self.turns[-1][0]
            self._whole[text(answer.get("id"))] = continued(asked, _answer(answer), {})
            if len(self._whole) > MOST_KEPT:
                self._whole.popitem(last=False)


class _Realtime(_Walk):
    """Realtime: a turn begins with all that was said before, under what the session says then."""

    def __init__(self) -> None:
        super().__init__()
        self._session: Value = {}
        self._said: list[tuple[str, object]] = []
        """What was said, by the id of its item."""

    def take(self, body: Value) -> None:
        """Take a message of either side."""
        kind = text(body.get("type"))
        mark = text(body.get("item_id"))
        if kind.startswith("session."):
            told = fields(body.get("session"))
            self._session |= {name: told[name] for name in ("model", "instructions", "tools") if name in told}
        elif kind == "conversation.item.create":
            item = fields(body.get("item"))
            self._said.append((text(item.get("id")), item))
        elif kind == "conversation.item.input_audio_transcription.completed":
            heard = [{"type": "input_audio", "transcript": body.get("transcript")}]
            self._said.append((mark, {"type": "message", "role": "user", "content": heard}))
        elif kind == "conversation.item.delete":
            self._said = [pair for pair in self._said if not mark or pair[0] != mark]
        elif kind == "response.created":
            self.turns.append(({**self._session, "input": [item for _, item in self._said]}, None))
            self.answered(body)
        else:
            answer = self.answered(body)
            for each in items(answer.get("output")) if answer is not None else ():
                self._said.append((text(fields(each).get("id")), each))
