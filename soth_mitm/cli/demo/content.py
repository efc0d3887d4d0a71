"""What the sites of the stage answer: a shop's API, its pages, and a chat."""

from __future__ import annotations

import hashlib
import re

from soth_mitm.cli.demo import media, sessions, streams, talks
from soth_mitm.cli.demo.message import Answer, Request, Route, as_json, squeezed

API = "api.shop.test"
CDN = "cdn.shop.test"
WWW = "www.shop.test"
CHAT = "chat.shop.test"
LLM = "llm.test"
CART = "cart.shop.test"
RATES = "rates.test"
STATUS = "status.shop.test"
EXPIRED = "old.shop.test"
PINNED = "pin.bank.test"
TUNNELLED = "tunnel.bank.test"
BLOCKED = "ads.shop.test"
DOWN = "down.shop.test"

SITES = (API, CDN, WWW, CHAT, LLM, CART, RATES, STATUS, PINNED, TUNNELLED, BLOCKED)
"""The sites that are up, over TLS with a valid certificate and over plain HTTP."""

_PRODUCTS = (
    ("Espresso cups, set of four", "kitchen", 2490),
    ("有田焼の急須", "kitchen", 8800),
    ("Travel mug 🚲", "outdoor", 1850),
    ("한지 노트", "paper", 1200),
    ("Crème brûlée torch 🔥", "kitchen", 3475),
    ("竹制书架", "furniture", 15900),
    ("Reading lamp, brass", "furniture", 7350),
    ("Ελαιόλαδο 500 ml 🫒", "food", 1390),
    ("Wool blanket, grey", "home", 9900),
    ("マッチャ抹茶 100 g 🍵", "food", 2650),
)


def answer(request: Request) -> Answer:
    """Return what the site that the request names has to say to it."""
    found = False
    for host, methods, pattern, route in _ROUTES:
        match = pattern.fullmatch(request.path)
        if match is None or host != request.host:
            continue
        found = True
        if request.method in methods:
            return route(request, match.group(1) if pattern.groups else "")
    if found:
        return _problem(405, "method_not_allowed", f"{request.method} is not possible here")
    return _problem(404, "not_found", f"nothing at {request.path}")


def _problem(status: int, code: str, message: str) -> Answer:
    return as_json({"error": {"code": code, "message": message, "retryable": status >= 500}}, status)


def _product(number: int) -> dict[str, object]:
    name, category, price = _PRODUCTS[number % len(_PRODUCTS)]
    return {
        "id": f"p_{number:04d}",
        "name": name,
        "category": category,
        "price": {"amount": price, "currency": "EUR", "taxIncluded": True},
        "stock": {"berlin": number * 7 % 40, "大阪": number * 3 % 25},
        "rating": round(3 + number * 13 % 20 / 10, 1),
        "tags": ["new", category] if number % 3 == 0 else [category],
        "discontinued": False,
        "replacedBy": None,
    }


def _products(request: Request, _: str) -> Answer:
    text = request.query("page", "1")
    page = int(text) if text.isdecimal() else 1
    items = [_product(number) for number in range(page * 24 - 23, page * 24 + 1)]
    listing = as_json(
        {"items": items, "page": page, "pages": 12, "total": 288},
        fields=(("Cache-Control", "private, max-age=30"), ("X-Request-Id", f"req-{page:06x}")),
    )
    return squeezed(listing, request)


def _one_product(_: Request, number: str) -> Answer:
    if int(number) > 288:
        return _problem(404, "no_such_product", f"there is no product p_{int(number):04d} 🤷")
    return as_json(_product(int(number)), fields=(("ETag", f'"p{number}-1"'),))


def _search(request: Request, _: str) -> Answer:
    wanted = request.query("q").casefold()
    hits = [_product(n) for n, (name, *_) in enumerate(_PRODUCTS) if wanted in name.casefold()]
    slow = as_json({"query": request.query("q"), "hits": hits, "tookMs": 1200})
    return Answer(200, slow.fields, slow.body, wait=1.2)


def _order(number: int, status: str) -> dict[str, object]:
    lines = [
        {"line": at + 1, "product": _product(number + at), "quantity": at + 1, "gift": at == 1}
        for at in range(3)
    ]
    return {
        "id": f"o_{number}",
        "status": status,
        "customer": {
            "name": "山田 花子",
            "email": "hanako@example.test",
            "address": {"street": "Lindenstraße 12", "city": "Köln", "geo": {"lat": 50.94, "lon": 6.96}},
        },
        "lines": lines,
        "history": [{"status": "placed", "at": "2026-03-01T09:12:44Z", "by": None}],
        "note": "Please ring twice 🔔🔔",
    }


def _one_order(_: Request, number: str) -> Answer:
    return as_json(_order(int(number), "shipped"))


def _place_order(request: Request, _: str) -> Answer:
    number = 1000 + len(request.body) * 31 % 9000
    location = (("Location", f"/v1/orders/{number}"), ("Set-Cookie", "basket=; Max-Age=0; Path=/; Secure"))
    return as_json(_order(number, "placed"), 201, fields=location)


def _change_order(_: Request, number: str) -> Answer:
    return as_json(
        {"id": f"o_{number}", "status": "cancelled", "refund": {"amount": 2490, "currency": "EUR"}}
    )


def _options(_: Request, __: str) -> Answer:
    allowed = (
        ("Allow", "GET, POST, OPTIONS"),
        ("Access-Control-Allow-Origin", "https://www.shop.test"),
        ("Access-Control-Allow-Methods", "GET, POST"),
        ("Access-Control-Allow-Headers", "authorization, content-type"),
        ("Access-Control-Max-Age", "600"),
    )
    return Answer(204, allowed)


def _emptied(_: Request, __: str) -> Answer:
    return Answer(204)


def _report(_: Request, __: str) -> Answer:
    return _problem(500, "report_failed", "the table `sales_daily` is locked by a migration")


def _upload(request: Request, name: str) -> Answer:
    digest = hashlib.sha256(request.body).hexdigest()
    kind = request.fields.get("content-type", "application/octet-stream")
    fields = (("Content-Type", kind), ("X-Upload-Name", name), ("X-Upload-Sha256", digest))
    return Answer(200, fields, request.body)


def _sign_in(request: Request, _: str) -> Answer:
    token = hashlib.sha256(request.body).hexdigest()
    return as_json({"token_type": "Bearer", "access_token": f"demo_{token}", "expires_in": 3600})


def _message(request: Request, room: str) -> Answer:
    return as_json({"room": room, "id": f"m_{len(request.body):05d}", "delivered": True}, 201)


def _healthy(_: Request, __: str) -> Answer:
    return Answer(200, (("Content-Type", "text/plain; charset=utf-8"),), b"ok\n")


def _balance(_: Request, __: str) -> Answer:
    return as_json(
        {"account": "DE02 1203 0000 0000 2020 51", "balance": {"amount": 123456, "currency": "EUR"}}
    )


def _to_https(request: Request, _: str) -> Answer:
    return Answer(301, (("Location", f"https://{request.host}/"),))


def _route(
    host: str, methods: str, pattern: str, route: Route
) -> tuple[str, list[str], re.Pattern[str], Route]:
    return host, methods.split(), re.compile(pattern, re.ASCII), route


_ROUTES = [
    _route(API, "GET HEAD", "/v1/products", _products),
    _route(API, "GET HEAD", r"/v1/products/(\d{1,6})", _one_product),
    _route(API, "GET", "/v1/search", _search),
    _route(API, "POST", "/v1/orders", _place_order),
    _route(API, "OPTIONS", "/v1/orders", _options),
    _route(API, "GET", r"/v1/orders/(\d{1,6})", _one_order),
    _route(API, "PATCH", r"/v1/orders/(\d{1,6})", _change_order),
    _route(API, "DELETE", r"/v1/basket/\d{1,6}", _emptied),
    _route(API, "GET", "/v1/reports/daily", _report),
    _route(API, "PUT POST", r"/v1/uploads/([\w.-]+)", _upload),
    _route(API, "POST", "/v1/sessions", _sign_in),
    _route(API, "GET", "/v1/stock", streams.stock),
    _route(API, "GET", r"/v1/exports/[\w-]+\.csv", streams.export),
    _route(CHAT, "GET", r"/rooms/(\w+)/events", streams.chat),
    _route(CHAT, "POST", r"/rooms/(\w+)/messages", _message),
    _route(CHAT, "GET", r"/rooms/(\w+)/socket", talks.room),
    _route(RATES, "GET", "/live", talks.prices),
    _route(CART, "POST", r"/shop\.cart\.v1\.Cart/(Add|Watch)", talks.cart),
    _route(LLM, "POST", "/v1/messages", streams.model),
    _route(LLM, "GET", "/v1/responses", sessions.turns),
    _route(LLM, "GET", "/v1/realtime", sessions.realtime),
    _route(LLM, "POST", "/mcp", sessions.mcp),
    _route(LLM, "GET", "/sse", sessions.older),
    _route(LLM, "POST", "/messages", sessions.inbox),
    _route(LLM, "POST", r"/(?:v1|v1beta|anthropic|api|model)/.+", sessions.stream),
    _route(WWW, "GET HEAD", "/", media.page),
    _route(WWW, "GET", "/shop", _to_https),
    _route(CDN, "GET HEAD", r"/([\w.-]+)", media.file),
    _route(STATUS, "GET HEAD", "/health", _healthy),
    _route(PINNED, "GET", "/balance", _balance),
    _route(TUNNELLED, "GET", "/balance", _balance),
]
