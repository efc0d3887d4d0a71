"""A handler that decides about messages as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from soth_mitm.hooks.decisions import MessageDecision
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import Message

Rule = Callable[[Message], MessageDecision | None]


class Deciding(Handler):
    """Decide by a rule, and once the test lets it where it is told to wait."""

    def __init__(self, rule: Rule = lambda message: None, *, waits: bool = False) -> None:
        self.rule = rule
        self.asked: list[Message] = []
        self.go = asyncio.Event()
        if not waits:
            self.go.set()

    async def on_message(self, message: Message) -> MessageDecision | None:
        self.asked.append(message)
        await self.go.wait()
        return self.rule(message)
