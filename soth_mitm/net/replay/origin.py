"""Where a replayed request goes: one server, over a pooled connection or a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from soth_mitm.net.connect import HTTP1, HTTP2
from soth_mitm.net.origin import Place, PooledOrigin
from soth_mitm.policy.decision import Action
from soth_mitm.policy.retargeting import Site
from soth_mitm.proto.connect import ConnectError, parse_absolute
from soth_mitm.proto.http1 import RequestHead, rewrite

if TYPE_CHECKING:
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.decision import Decision
    from soth_mitm.policy.editing.draft import RequestDraft
    from soth_mitm.proto.http2.heads import RequestHead as StreamHead

H2C = ("h2c",)


def decide(shared: Shared, draft: RequestDraft) -> Decision:
    """Return the decision for a replay: as for a client's request, but never one to a tunnel."""
    decision = shared.policy.decide(draft.host, draft.port)
    if decision.action is Action.TUNNEL:
        return msgspec.structs.replace(decision, action=Action.INTERCEPT)
    return decision


class ReplayOrigin(PooledOrigin):
    """The server that a draft names; what its head says of a host is left to it."""

    def __init__(self, shared: Shared, draft: RequestDraft, *, decision: Decision, h2c: bool) -> None:
        super().__init__(shared)
        self._scheme, self._host, self._port = draft.scheme, draft.host, draft.port
        self._decision = decision
        self._authority = Site(draft.scheme, draft.host, draft.port).authority.encode("ascii", "replace")
        self._via = shared.routes.choose(draft.host, draft.port)
        self.alpn = _alpn(shared, draft, decision=decision, h2c=h2c)

    def locate(self, head: RequestHead) -> Place:
        """Return the server; the head goes there as it stands, but to a proxy on the way that wants more."""
        if head.method == b"CONNECT":
            raise ConnectError("connect_in_replay", "a CONNECT asks for a tunnel, and a replay makes none")
        path, raw = head.target, head.raw
        if path[:1] != b"/" and path != b"*":
            path = parse_absolute(path).path
        elif self._via is not None and self._via.speaks_http and self._scheme == "http":
            raw = rewrite.to_absolute_form(raw, path, self._authority)
        return self._place(path, raw)

    def locate_stream(self, head: StreamHead) -> Place:
        """Return the server."""
        return self._place(head.path, b"")

    def whole(self) -> Place:
        """Return the server."""
        return self._place(b"", b"")

    def _place(self, path: bytes, raw: bytes) -> Place:
        return Place(self._scheme, self._host, self._port, path, raw, self._decision, via=self._via)


def _alpn(shared: Shared, draft: RequestDraft, *, decision: Decision, h2c: bool) -> tuple[str, ...]:
    """Return what the server is offered: nothing that the original's client did not speak."""
    if not draft.version.startswith("HTTP/2") or not shared.config.http2 or decision.no_h2:
        return HTTP1
    if draft.scheme == "https":
        return HTTP2
    return H2C if h2c else HTTP1
