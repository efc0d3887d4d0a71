"""What is said both ways: a chat and prices over WebSockets, and a cart that is called over gRPC."""

from __future__ import annotations

import json
import struct

from soth_mitm.cli.demo.message import Answer, Fields, Request
from soth_mitm.decode.protobuf.wire import varint

_GRPC: Fields = (("Content-Type", "application/grpc+proto"),)
_OK: Fields = (("grpc-status", "0"),)
_WORDS = (
    ("jonas", "The kiln is at 1,240 °C 🔥"),
    ("mina", "二つ取り置きをお願いします。"),
    ("bot", "Delivery 4711 has arrived"),
    ("jonas", "Who takes the first shift?"),
)
_PAIRS = ("EUR/JPY", "EUR/GBP", "EUR/KRW")


def room(_: Request, name: str) -> Answer:
    """Tell what others say in a room, and what the client says to it."""
    said = []
    for number in range(1, 25):
        who, text = _WORDS[number % len(_WORDS)]
        line = {"type": "said", "room": name, "id": number, "from": who, "text": text}
        said.append(json.dumps(line, ensure_ascii=False).encode() if number % 9 else b"")
    return Answer(101, pieces=tuple(said), gap=0.45, echoes=True)


def prices(_: Request, __: str) -> Answer:
    """Tell rates as they change."""
    ticks = (
        {"type": "tick", "seq": n, "pair": _PAIRS[n % 3], "rate": round(160 + n * 37 % 90 / 100, 2)}
        for n in range(1, 41)
    )
    return Answer(101, pieces=tuple(json.dumps(tick).encode() for tick in ticks), gap=0.3)


def cart(request: Request, method: str) -> Answer:
    """Answer a call: `Add` with the cart, `Watch` with every change of it; of an unknown cart, a status."""
    if b"c_gone" in request.body:
        ended = (("grpc-status", "5"), ("grpc-message", "there is no cart c_gone %F0%9F%9B%92"))
        return Answer(200, (*_GRPC, *ended))
    if method == "Add":
        return Answer(200, _GRPC, pieces=(call(_cart(3)),), trailers=_OK, wait=0.04)
    changes = tuple(call(_cart(number)) for number in range(1, 16))
    return Answer(200, _GRPC, pieces=changes, trailers=_OK, gap=0.4)


def call(message: bytes) -> bytes:
    """Frame one message of gRPC."""
    return struct.pack(">BI", 0, len(message)) + message


def wish(cart_id: str, product: int = 0, quantity: int = 0) -> bytes:
    """Return the message that asks for a change of a cart, or for the cart."""
    line = _text(1, f"p_{product:04d}") + _number(2, quantity) if product else b""
    return _text(1, cart_id) + (_bytes(2, line) if line else b"")


def _cart(number: int) -> bytes:
    lines = b"".join(
        _bytes(2, _text(1, f"p_{at * 17 % 289:04d}") + _text(2, "有田焼の急須") + _number(3, at))
        for at in range(1, number % 3 + 2)
    )
    return _text(1, "c_77") + lines + _number(3, number * 1475) + _number(4, number)


def _number(field: int, value: int) -> bytes:
    return bytes((field << 3,)) + varint(value)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return bytes((field << 3 | 2,)) + varint(len(value)) + value
