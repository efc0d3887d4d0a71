"""Scenes of flows with messages: a WebSocket, an event stream, a call, lines of JSON; kind and hostile."""

from __future__ import annotations

import json

from soth_mitm.model import events as e
from tests.tui.script import HOSTILE, Script

UP, DOWN = e.Direction.REQUEST, e.Direction.RESPONSE
CHUNK = 65_536


class Talk:
    """One flow whose messages are said one by one."""

    def __init__(
        self,
        script: Script,
        form: e.MessageForm,
        host: str,
        path: str,
        *,
        method: str = "GET",
        detail: str = "",
        content_type: str = "",
        both: bool = False,
    ) -> None:
        self.script, self.form = script, form
        self.conn = script.connect(host)
        self.flow = script.request(self.conn, host, method, path)
        self.number = 0
        self.offset = 0
        status, reason = (101, "Switching Protocols") if form == e.MessageForm.WEBSOCKET else (200, "OK")
        script.respond(self.conn, self.flow, status, reason, content_type=content_type, close=False)
        if form == e.MessageForm.WEBSOCKET:
            self.publish(e.Upgraded("websocket"))
        for direction in (UP, DOWN) if both else (DOWN,):
            self.publish(e.MessagesStarted(direction, form, detail))

    def publish(self, body: e.Body) -> None:
        """Publish an event of the flow."""
        self.script.publish(body, conn=self.conn, flow=self.flow)

    def say(
        self,
        direction: e.Direction,
        data: bytes | str,
        label: str = "text",
        *,
        after: float = 0.02,
        **more: object,
    ) -> None:
        """Tell one message, in chunks where it is long."""
        payload = data.encode() if isinstance(data, str) else data
        self.script.wait(after)
        self.number += 1
        long = len(payload) > CHUNK
        for at in range(0, len(payload) if long else 0, CHUNK):
            self.publish(e.MessageChunk(direction, self.number, at, payload[at : at + CHUNK]))
        told = b"" if long else payload
        self.publish(
            e.MessageSeen(direction, self.number, label, len(payload), told, **more)  # type: ignore[arg-type]
        )

    def line(self, value: object, *, after: float = 0.02, label: str = "json") -> None:
        """Tell a message that lies in the body as it is."""
        payload = json.dumps(value).encode()
        self.script.wait(after)
        self.number += 1
        start = self.offset
        self.offset = self.script.chunks(self.conn, self.flow, DOWN, payload + b"\n", start=start)
        self.publish(e.MessageSeen(DOWN, self.number, label, len(payload), offset=start))

    def event(self, value: object, label: str = "message", *, note: str = "", after: float = 0.02) -> None:
        """Tell an event of a stream."""
        payload = json.dumps(value).encode()
        self.script.wait(after)
        self.number += 1
        lead = f"event: {label}\n".encode() + (f"id: {note}\n".encode() if note else b"") + b"data: "
        start = self.offset
        self.offset = self.script.chunks(self.conn, self.flow, DOWN, lead + payload + b"\n\n", start=start)
        self.publish(
            e.MessageSeen(DOWN, self.number, label, len(payload), offset=start + len(lead), note=note)
        )

    def close(self, reason: str = "completed", detail: str = "") -> None:
        """End the flow."""
        self.publish(e.FlowClosed(reason, detail))


def chat(script: Script, *, ends: bool = False) -> Talk:
    """Play a chat over a WebSocket, with all that messages may be."""
    detail = "permessage-deflate"
    talk = Talk(script, e.MessageForm.WEBSOCKET, "chat.shop.test", "/ws?room=7", detail=detail, both=True)
    talk.say(UP, '{"type": "join", "room": 7, "name": "Ada"}', wire=58)
    talk.say(DOWN, '{"type":"welcome","members":["Ada","Grace","Edsger"]}', compressed=True, wire=46)
    talk.say(DOWN, '{"type":"topic","text":"online migrations"}', compressed=True, after=0.4)
    talk.say(UP, '{"type":"say","text":"How do I copy the table first?"}', after=2.1)
    talk.say(DOWN, "価格は千円です。 \N{RAISED FIST} e\u0301 plain text\nwith two lines", after=0.31)
    talk.say(DOWN, b"", "ping", after=4.0)
    talk.say(UP, b"", "pong", after=0.001)
    talk.say(DOWN, bytes(range(48)), "binary", fragments=3, after=0.5)
    talk.say(UP, '{"type":"say","text":"secret"}', origin="dropped")
    before = b'{"type":"notice","text":"as the server wrote it"}'
    talk.publish(e.OriginalMessage(DOWN, talk.number + 1, "text", len(before), data=before))
    talk.say(DOWN, '{"type":"notice","text":"rewritten by the handler"}', origin="changed")
    talk.say(DOWN, '{"type":"notice","text":"this one was made here"}', origin="injected", after=0.2)
    talk.say(DOWN, json.dumps({"history": [{"id": at, "text": "x" * 30} for at in range(40)]}), after=0.09)
    if ends:
        talk.say(DOWN, b"", "close", note="1001 going away", after=1.0)
        talk.say(UP, b"", "close", note="1001")
        talk.close("websocket_completed", "1001 going away")
    return talk


def answer(script: Script, *, events: int = 60) -> Talk:
    """Play the streamed answer of a language model."""
    talk = Talk(
        script, e.MessageForm.SSE, "api.llm.test", "/v1/messages", method="POST",
        content_type="text/event-stream",
    )  # fmt: skip
    talk.event({"type": "message_start", "model": "small-1"}, "message_start")
    words = ("Here", "is", "the", "plan", "for", "the", "migration:", "first", "we", "copy", "the", "table")
    for number in range(events):
        delta = {"type": "text_delta", "text": words[number % len(words)] + " "}
        talk.event(
            {"type": "content_block_delta", "index": 0, "delta": delta},
            "content_block_delta",
            note=str(number + 1),
            after=0.011 + 0.4 * (number % 17 == 5),
        )
    return talk


def call(script: Script) -> Talk:
    """Play a streaming call of gRPC."""
    talk = Talk(
        script, e.MessageForm.GRPC, "grpc.shop.test", "/shop.cart.v1.Cart/Watch", method="POST",
        content_type="application/grpc", both=True,
    )  # fmt: skip
    talk.say(UP, b"\x0a\x05c-777", "message", wire=12)
    for number in range(5):
        talk.say(DOWN, b"\x08%c\x12\x04item" % number, "message", wire=13, after=0.3)
    return talk


def lines(script: Script, *, count: int = 30) -> Talk:
    """Play a body of JSON lines."""
    talk = Talk(script, e.MessageForm.NDJSON, "logs.shop.test", "/tail", content_type="application/x-ndjson")
    for number in range(count):
        talk.line({"level": "info", "n": number, "msg": f"request {number} done", "ms": number * 3 % 41})
    return talk


def everything(script: Script) -> None:
    """Play one flow of each kind, the chat last."""
    script.exchange("api.shop.test", "GET", "/session", 200, "OK", body=b'{"user":7}')
    lines(script)
    call(script)
    answer(script)
    chat(script)


def hostile(script: Script) -> Talk:
    """Play messages that try to command the terminal, and one of a megabyte."""
    talk = Talk(script, e.MessageForm.SSE, "evil.test", "/x", content_type="text/event-stream")
    talk.say(DOWN, HOSTILE, "\x1b]0;owned\x07[@click=app.quit]label[/]", note="\x1b[2J\u202eid")
    talk.say(DOWN, b"[b]markup[/b] [@click=app.quit]x[/]", "[b]bold[/b]")
    talk.say(
        DOWN, "\u202eright to left\u202c \u200b\ufeff 漢字 \N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}", "bidi"
    )
    talk.say(DOWN, b'{"big": "' + b"x" * 1_000_000 + b'"}', "big")
    talk.say(DOWN, b"\x9b31m\x00\xff\xfe", "c1")
    return talk


def model(script: Script) -> Talk:
    """An answer of a language model on its way: it has thought and spoken, and is about to use a tool."""
    talk = Talk(
        script, e.MessageForm.SSE, "llm.test", "/v1/messages", method="POST", content_type="text/event-stream"
    )
    usage = {"input_tokens": 284, "cache_read_input_tokens": 17_920, "output_tokens": 1}
    talk.event(
        {"type": "message_start", "message": {"model": "claude-opus-5-5", "usage": usage}}, "message_start"
    )
    thought = "They ask about the weather and about clothes; the forecast decides both, so it comes first."
    prose = (
        "Two things decide it, and I look the first one up before I answer the second one:\n\n"
        "1. The **forecast** for tomorrow morning, hour by hour, from the `weather` tool that you gave.\n"
        "2. What you have with you.\n"
    )
    blocks = (("thinking", thought), ("text", prose))
    for index, (kind, said) in enumerate(blocks):
        talk.event(
            {"type": "content_block_start", "index": index, "content_block": {"type": kind}},
            "content_block_start",
        )
        for at in range(0, len(said), 40):
            delta = {"type": f"{kind}_delta", kind: said[at : at + 40]}
            talk.event({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
        talk.event({"type": "content_block_stop", "index": index}, "content_block_stop")
    tool = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
    talk.event({"type": "content_block_start", "index": 2, "content_block": tool}, "content_block_start")
    delta = {"type": "input_json_delta", "partial_json": '{"city": "Paris", "days": '}
    talk.event({"type": "content_block_delta", "index": 2, "delta": delta}, "content_block_delta")
    talk.publish(
        e.LlmFacts(
            "Anthropic Messages",
            "claude-opus-5-5",
            input_tokens=18_204,
            cached_tokens=17_920,
            first_ns=412_000_000,
        )
    )
    return talk
