"""Reads a request and the messages of its answer into a conversation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from soth_mitm.decode.llm import anthropic, bedrock, gemini, ollama, openai_chat, openai_responses, realtime
from soth_mitm.decode.llm.conversation import Change, Conversation
from soth_mitm.decode.llm.loose import value_of
from soth_mitm.decode.llm.recognise import Dialect, model_of


class _Way(NamedTuple):
    ask: Callable[[Conversation, object], None]
    read: Callable[[Conversation, str, object], None]


_WAYS: Final = {
    Dialect.CHAT: _Way(openai_chat.ask, openai_chat.read),
    Dialect.RESPONSES: _Way(openai_responses.ask, openai_responses.read),
    Dialect.MESSAGES: _Way(anthropic.ask, anthropic.read),
    Dialect.GEMINI: _Way(gemini.ask, gemini.read),
    Dialect.OLLAMA: _Way(ollama.ask, ollama.read),
    Dialect.CONVERSE: _Way(bedrock.ask, bedrock.read),
    Dialect.INVOKE: _Way(bedrock.ask_model, bedrock.read_model),
    Dialect.REALTIME: _Way(realtime.ask, realtime.read),
    Dialect.TURNS: _Way(realtime.ask, realtime.read),
}


class Reader:
    """A conversation on its way. Never raises: what is not understood is counted in `unknown`."""

    def __init__(
        self, dialect: Dialect, *, sent_ns: int = -1, path: bytes = b"", keep: int | None = None
    ) -> None:
        """`sent_ns` is when the request was sent, by the clock of `feed`'s times; `path` may name a model.

        `keep` is how many characters of text are kept; all that a `Conversation` keeps where it is not said.
        """
        self.conversation = Conversation(dialect, sent_ns=sent_ns, keep=keep)
        self.conversation.put(model=model_of(path))
        self._way = _WAYS[dialect]

    def request(self, data: bytes) -> list[Change]:
        """Take the body of the request; return what it holds."""
        value = value_of(data)
        if isinstance(value, dict):
            self._way.ask(self.conversation, value)
        else:
            self.conversation.odd("a request that is no object of JSON")
        return self.conversation.take(-1)

    def feed(self, label: str, data: bytes, *, now_ns: int = -1) -> list[Change]:
        """Take a message of the answer, or all of one that does not stream; return what it changed.

        `label` is the type of an event, or empty; `now_ns` is when it came.
        """
        talk = self.conversation
        talk.messages += 1
        if data.strip() == b"[DONE]":
            talk.close_all()
            talk.ended = True
            return talk.take(now_ns)
        value = value_of(data)
        if isinstance(value, dict):
            self._way.read(talk, label, value)
        else:
            talk.odd(f"{label or 'message'} that is no object of JSON")
        return talk.take(now_ns)

    def finish(self) -> list[Change]:
        """Say that no more comes."""
        self.conversation.close_all()
        return self.conversation.take(-1)
