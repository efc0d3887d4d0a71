"""What is kept of conversations on WebSockets until they are printed."""

from __future__ import annotations

from soth_mitm.export.talks import AT_ONCE, Talks
from soth_mitm.model import events as e

PATH = b"/v1/realtime?model=m"
ASKED = b'{"type":"response.create","response":{"instructions":"Say hello."}}'


def test_messages_whose_ends_were_not_recorded_are_let_go_of() -> None:
    talks = Talks()
    bodies: list[e.Body] = [e.MessagesStarted(e.Direction.REQUEST, e.MessageForm.WEBSOCKET)]
    bodies += [e.MessageChunk(e.Direction.REQUEST, number, 0, b"lost") for number in range(1, 100)]
    bodies += [
        e.MessageChunk(e.Direction.REQUEST, 100, 0, ASKED),
        e.MessageSeen(e.Direction.REQUEST, 100, "text", size=len(ASKED)),
    ]
    for seq, body in enumerate(bodies):
        talks.apply(e.Event(seq, 1, 1, seq, 0, 0, body), PATH)
    assert len(talks._open[1].arriving) < AT_ONCE
    assert talks.take(1) == (ASKED, True)
