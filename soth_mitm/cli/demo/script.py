"""Who asks for what, and in which order: an endless script that a seed decides."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.cli.demo import content, media, talks, websocket
from soth_mitm.cli.demo.client import Ask, Persona, Site
from soth_mitm.cli.demo.sessions import SESSIONS

if TYPE_CHECKING:
    from soth_mitm.cli.demo.message import Fields


class Turn(NamedTuple):
    """What a client does in one go: the requests one by one, or all but the first at the same time."""

    persona: Persona
    asks: tuple[Ask, ...]
    together: bool = False


BROWSER = Persona(
    "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
    (("Accept-Language", "en,ja;q=0.7"), ("Accept-Encoding", "gzip, deflate, br"), ("DNT", "1")),
    http2=True,
)
PHONE = Persona(
    "Shop/5.2.1 (iPhone; iOS 18.5; Scale/3.00)",
    (("accept", "application/json"), ("accept-encoding", "gzip"), ("x-app-build", "5210")),
    http2=True,
)
ANDROID = Persona("okhttp/4.12.0", (("Accept-Encoding", "gzip"), ("Authorization", "Bearer demo_c2hvcA")))
AGENT = Persona("shop-agent/1.3 python-httpx/0.28.1", (("x-api-key", "demo-key-1"), ("Accept", "*/*")))
CURL = Persona("curl/8.14.1", (("Accept", "*/*"),))
STUB = Persona("grpc-java-netty/1.74.0", (("te", "trailers"),), http2=True)
MONITOR = Persona("uptime/2.0")
BANK = Persona("Bank/9.1 (iPhone; iOS 18.5)", (("accept", "application/json"),), pins=True)

_SESSIONS = 4
"""Sessions with models that come in a deck, less one; in the next deck they go on."""

Maker = Callable[[Random], Turn]

_CALL: Fields = (("Content-Type", "application/grpc+proto"), ("grpc-accept-encoding", "identity,gzip"))
_JSON: Fields = (("Content-Type", "application/json"),)
_QUESTIONS = (
    "How do we move the orders table without a pause?",
    "急須はまだありますか。",
    "Why does send() give up after two attempts?",
)


def script(random: Random) -> Iterator[Turn]:
    """Deal turns without an end: every sort comes once a deck at least, the heavy ones less often."""
    first = True
    names = cycle(SESSIONS)
    while True:
        deck = [make for weight, make in _DECK for _ in range(weight)]
        deck += [make for make in _RARE if first or random.random() < 0.25]
        random.shuffle(deck)
        for at in range(len(deck) // _SESSIONS, len(deck), len(deck) // _SESSIONS):  # one after the other
            deck.insert(at, partial(_session, next(names)))
        first = False
        for make in deck:
            yield make(random)


def _https(host: str, method: str, path: str, *fields: tuple[str, str], body: object = None) -> Ask:
    if body is None:
        return Ask(Site("https", host, 443), method, path, fields)
    text = json.dumps(body, ensure_ascii=False).encode()
    return Ask(Site("https", host, 443), method, path, (*_JSON, *fields), text)


def _http(host: str, method: str, path: str) -> Ask:
    return Ask(Site("http", host, 80), method, path)


def _api(method: str, path: str, *fields: tuple[str, str], body: object = None) -> Ask:
    return _https(content.API, method, path, *fields, body=body)


def _cart(method: str, wish: bytes) -> Ask:
    site = Site("https", content.CART, 443)
    return Ask(site, "POST", f"/shop.cart.v1.Cart/{method}", _CALL, talks.call(wish))


def _socket(host: str, path: str, random: Random, *says: object, leaves_after: int = 0) -> Ask:
    texts = tuple(json.dumps(each, ensure_ascii=False) for each in says)
    fields = websocket.asking(random.getrandbits(128))
    return Ask(Site("https", host, 443), "GET", path, fields, leaves_after=leaves_after, says=texts)


# --- people


def _first_visit(_: Random) -> Turn:
    files = [_https(content.CDN, "GET", f"/{name}") for name in ("app.css", "app.js", "logo.png", "logo.svg")]
    products = _api("GET", "/v1/products?page=1", ("Origin", f"https://{content.WWW}"))
    return Turn(BROWSER, (_https(content.WWW, "GET", "/"), *files, products), together=True)


def _second_visit(_: Random) -> Turn:
    known = ("If-None-Match", media.tag_of("app.js"))
    asks = (
        _http(content.WWW, "GET", "/shop"),
        _https(content.WWW, "GET", "/"),
        _https(content.CDN, "GET", "/app.js", known),
        _https(content.CDN, "GET", "/favicon.ico"),
    )
    return Turn(BROWSER, asks)


def _advert(_: Random) -> Turn:
    return Turn(BROWSER, (_https(content.BLOCKED, "GET", "/pixel.gif?u=7"),))


def _checkout(random: Random) -> Turn:
    order = {
        "lines": [{"product": f"p_{random.randrange(1, 288):04d}", "quantity": random.randrange(1, 5)}],
        "ship_to": {"name": "山田 花子", "city": "Köln"},
        "note": "Please ring twice 🔔🔔",
    }
    asks = (
        _api("OPTIONS", "/v1/orders", ("Access-Control-Request-Method", "POST")),
        _api("POST", "/v1/orders", ("Idempotency-Key", f"{random.getrandbits(64):016x}"), body=order),
        _api("DELETE", f"/v1/basket/{random.randrange(100, 999)}"),
    )
    return Turn(BROWSER, asks)


# --- the app


def _browse(random: Random) -> Turn:
    page = random.randrange(1, 12)
    number = random.randrange(1, 288)
    return Turn(PHONE, (_api("GET", f"/v1/products?page={page}"), _api("GET", f"/v1/products/{number}")))


def _look_up_order(random: Random) -> Turn:
    return Turn(random.choice((PHONE, ANDROID)), (_api("GET", f"/v1/orders/{random.randrange(1000, 9999)}"),))


def _gone_product(random: Random) -> Turn:
    return Turn(ANDROID, (_api("GET", f"/v1/products/{random.randrange(300, 999)}"),))


def _search(random: Random) -> Turn:
    word = random.choice(("cup", "lamp", "%E8%8C%B6", "wool"))
    return Turn(PHONE, (_api("GET", f"/v1/search?q={word}"),))


def _sign_in(random: Random) -> Turn:
    user = {"user": f"guest{random.randrange(9)}@example.test", "password": "correct horse"}
    return Turn(ANDROID, (_api("POST", "/v1/sessions", body=user),))


def _chat(random: Random) -> Turn:
    room = random.choice(("tea", "paper"))
    events = _https(content.CHAT, "GET", f"/rooms/{room}/events", ("Accept", "text/event-stream"))
    said = _https(content.CHAT, "POST", f"/rooms/{room}/messages", body={"text": "Guten Morgen ☕"})
    return Turn(PHONE, (said, events))


def _talk(random: Random) -> Turn:
    said = [
        {"type": "say", "text": text}
        for text in ("Guten Morgen ☕", "急須は届きましたか。", "See you at four")
    ]
    ask = _socket(content.CHAT, f"/rooms/{random.choice(('kiln', 'tea'))}/socket", random, *said)
    return Turn(BROWSER._replace(http2=False), (ask,))


def _watch_rates(random: Random) -> Turn:
    wanted = {"type": "subscribe", "pairs": ["EUR/JPY", "EUR/GBP", "EUR/KRW"]}
    ask = _socket(content.RATES, "/live", random, wanted, leaves_after=random.randrange(12, 30))
    return Turn(PHONE._replace(http2=False), (ask,))


def _pinned(_: Random) -> Turn:
    return Turn(BANK, (_https(content.PINNED, "GET", "/balance"),))


def _tunnelled(_: Random) -> Turn:
    return Turn(BANK, (_https(content.TUNNELLED, "GET", "/balance"),))


# --- programs


def _ask_model(random: Random) -> Turn:
    question = random.choice(_QUESTIONS)
    prompt = {"model": "demo-1", "stream": True, "messages": [{"role": "user", "content": question}]}
    return Turn(AGENT, (_https(content.LLM, "POST", "/v1/messages", body=prompt),))


def _session(name: str, random: Random) -> Turn:
    session = SESSIONS[name]
    asks = tuple(
        _socket(content.LLM, step.path, random, *step.says)
        if step.says
        else _https(content.LLM, step.method, step.path, *step.fields, body=step.body)
        for step in session.steps
    )
    return Turn(AGENT, asks, session.together)


def _stop_model(_: Random) -> Turn:
    prompt = {"model": "demo-1", "stream": True, "messages": [{"role": "user", "content": "Tell me all."}]}
    ask = _https(content.LLM, "POST", "/v1/messages", body=prompt)
    return Turn(AGENT, (Ask(ask.site, ask.method, ask.path, ask.fields, ask.body, leaves_after=900),))


def _fill_cart(random: Random) -> Turn:
    product, quantity = random.randrange(1, 288), random.randrange(1, 5)
    return Turn(STUB, (_cart("Add", talks.wish("c_77", product, quantity)),))


def _lost_cart(random: Random) -> Turn:
    return Turn(STUB, (_cart("Add", talks.wish("c_gone", random.randrange(1, 288), 1)),))


def _watch_cart(_: Random) -> Turn:
    return Turn(STUB, (_cart("Watch", talks.wish("c_77")),))


def _stock(_: Random) -> Turn:
    return Turn(AGENT, (_api("GET", "/v1/stock"),))


def _export(_: Random) -> Turn:
    return Turn(CURL, (_api("GET", "/v1/exports/orders-2026-03.csv", ("TE", "trailers")),))


def _cancel_order(random: Random) -> Turn:
    path = f"/v1/orders/{random.randrange(1000, 9999)}"
    return Turn(AGENT, (_api("PATCH", path, body={"status": "cancelled", "reason": None}),))


def _report(_: Random) -> Turn:
    return Turn(AGENT, (_api("GET", "/v1/reports/daily"),))


def _resume_download(_: Random) -> Turn:
    part = _https(content.CDN, "GET", "/catalogue.bin", ("Range", "bytes=1048576-1114111"))
    return Turn(CURL, (_https(content.CDN, "HEAD", "/catalogue.bin"), part))


def _expired(_: Random) -> Turn:
    return Turn(CURL, (_https(content.EXPIRED, "GET", "/v0/prices"),))


def _down(_: Random) -> Turn:
    return Turn(MONITOR, (_https(content.DOWN, "GET", "/health"), _http(content.DOWN, "GET", "/health")))


def _healthy(_: Random) -> Turn:
    return Turn(MONITOR, (_http(content.STATUS, "GET", "/health"), _http(content.STATUS, "HEAD", "/health")))


def _upload(random: Random) -> Turn:
    picture = media.picture(160, random.randrange(80, 160))
    fields = (("Content-Type", "image/png"), ("Expect", "100-continue"))
    path = f"/v1/uploads/photo-{random.randrange(100)}.png"
    return Turn(CURL, (Ask(Site("https", content.API, 443), "PUT", path, fields, picture),))


def _upload_in_chunks(random: Random) -> Turn:
    rows = "".join(f"p_{n:04d},{random.randrange(40)}\n" for n in range(200)).encode()
    fields = (("Content-Type", "text/csv"), ("Trailer", "X-Rows"))
    site = Site("https", content.API, 443)
    ask = Ask(site, "POST", "/v1/uploads/stock.csv", fields, rows, trailers=(("X-Rows", "200"),))
    return Turn(AGENT, (ask,))


def _download(_: Random) -> Turn:
    return Turn(CURL, (_https(content.CDN, "GET", "/catalogue.bin"),))


_DECK: tuple[tuple[int, Maker], ...] = (
    (2, _first_visit),
    (1, _second_visit),
    (1, _advert),
    (2, _checkout),
    (5, _browse),
    (4, _look_up_order),
    (1, _gone_product),
    (2, _search),
    (1, _sign_in),
    (1, _chat),
    (1, _talk),
    (1, _watch_rates),
    (2, _fill_cart),
    (1, _lost_cart),
    (1, _watch_cart),
    (1, _pinned),
    (1, _tunnelled),
    (2, _ask_model),
    (1, _stop_model),
    (1, _stock),
    (1, _export),
    (1, _cancel_order),
    (1, _report),
    (1, _expired),
    (1, _down),
    (2, _healthy),
    (1, _upload),
    (1, _upload_in_chunks),
    (1, _resume_download),
)
_RARE: tuple[Maker, ...] = (_download,)
