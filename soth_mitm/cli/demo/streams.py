"""Answers that take their time: server-sent events, lines of JSON, an export with trailers."""

from __future__ import annotations

import hashlib
import json

from soth_mitm.cli.demo.message import Answer, Request, as_json

_EVENT_STREAM = (("Content-Type", "text/event-stream; charset=utf-8"), ("Cache-Control", "no-cache"))

_TEXTS = (
    "Here is the plan for the migration: first we copy the table, then we let both run side by side "
    "for a day, and only when the counters agree do we switch the readers over. 🚦",
    "在庫は大阪に十二個、ベルリンに七個あります。 Shall I reserve two of them until Friday?",
    "The error comes from the retry loop: it counts the first attempt as a retry, so the third one is "
    "never made. Change `<` to `<=` in `send()` and add a test for exactly three attempts. ✅",
)

_LINES = (
    ("mina", "Is the 急須 back yet?"),
    ("jonas", "Twelve in 大阪, none here 😕"),
    ("mina", "Then I'll wait for the boat 🚢"),
    ("bot", "Delivery 4711 left the harbour"),
    ("jonas", "🎉"),
)


def model(request: Request, _: str) -> Answer:
    """Stream a language model's answer: some deltas of text, one each 100 ms."""
    try:
        asked = json.loads(request.body)
        text = _TEXTS[len(asked["messages"][-1]["content"]) % len(_TEXTS)]
    except (ValueError, KeyError, IndexError, TypeError):
        error = {"type": "invalid_request_error", "message": "`messages` is missing or empty"}
        return as_json({"type": "error", "error": error}, 400)
    words = text.split(" ")
    start = {"id": "msg_demo", "role": "assistant", "model": "demo-1", "content": []}
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": start | {"usage": {"input_tokens": len(request.body) // 4}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    events += [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word + " "}}
        for word in words
    ]
    events += [
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": len(words) + 4},
        },
        {"type": "message_stop"},
    ]
    pieces = tuple(_event(event, name=str(event["type"])) for event in events)
    return Answer(200, _EVENT_STREAM, pieces=pieces, gap=0.1, wait=0.5)


def chat(_: Request, room: str) -> Answer:
    """Stream what is said in a room for some seconds, with comments that keep the stream alive."""
    pieces = [b"retry: 2000\n\n"]
    for number in range(1, 41):
        if number % 8 == 0:
            pieces.append(b": still here\n\n")
            continue
        who, text = _LINES[number % len(_LINES)]
        said = {"room": room, "from": who, "text": text}
        pieces.append(_event(said, name="message", number=number))
    return Answer(200, _EVENT_STREAM, pieces=tuple(pieces), gap=0.1)


def stock(_: Request, __: str) -> Answer:
    """Stream changes of the stock as lines of JSON."""
    lines = (
        {"seq": n, "sku": f"p_{n * 17 % 289:04d}", "delta": n % 5 - 2, "site": ("berlin", "大阪")[n % 2]}
        for n in range(1, 26)
    )
    pieces = tuple(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
    return Answer(200, (("Content-Type", "application/x-ndjson"),), pieces=pieces, gap=0.12)


def export(_: Request, __: str) -> Answer:
    """Return a table in chunks, with its digest in the trailers (RFC 9110 section 6.5)."""
    rows = [f"o_{n},2026-03-{n % 28 + 1:02d},{n * 137 % 9000 / 100:.2f}\n".encode() for n in range(400)]
    table = b"order,date,total\n" + b"".join(rows)
    pieces = tuple(table[at : at + 2048] for at in range(0, len(table), 2048))
    trailers = (("X-Content-Sha256", hashlib.sha256(table).hexdigest()), ("X-Rows", str(len(rows))))
    fields = (("Content-Type", "text/csv; charset=utf-8"), ("Trailer", "X-Content-Sha256, X-Rows"))
    return Answer(200, fields, pieces=pieces, gap=0.03, trailers=trailers)


def _event(data: object, *, name: str, number: int = 0) -> bytes:
    identity = f"id: {number}\n" if number else ""
    return f"event: {name}\n{identity}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
