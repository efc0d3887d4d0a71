"""OpenAI over WebSockets: Realtime, and Responses whose turns are messages. Both sides come in one order.

Several responses follow each other: each begins blocks of its own, and the numbers of all are added.
"""

from __future__ import annotations

from typing import Final

from soth_mitm.decode.llm import openai_responses
from soth_mitm.decode.llm.conversation import Conversation, Kind, Role, Usage
from soth_mitm.decode.llm.loose import error_of, fields, inner, items, number, place, text

_SPOKEN: Final = frozenset({
    "response.audio_transcript.delta", "response.output_audio_transcript.delta", "response.text.delta",
})  # fmt: skip
"""Text whose names are those of Realtime."""

_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "response.done"})
_SILENT: Final = (
    "input_audio_buffer.", "output_audio_buffer.", "response.audio", "response.output_audio",
    "response.text.done", "rate_limits.", "conversation.created", "conversation.item.",
    "transcription_session.", "response.cancel", "response.function_call_arguments.done",
)  # fmt: skip
"""How the names begin of what holds sound, or says again what is known."""


def read(talk: Conversation, label: str, value: object) -> None:
    """Take a message of either side."""
    body = fields(value)
    kind = text(body.get("type")) or label
    if kind == "response.create":
        _create(talk, body)
    elif kind == "response.created":
        talk.begin_again()
        talk.turns += 1
        talk.ended = False
        talk.error = talk.stop_reason = ""
        openai_responses.read(talk, kind, value)
    elif kind == "error":
        said = error_of(body.get("error")) or error_of(body) or "error"
        talk.put(error=said)
        talk.whole(Role.SYSTEM, Kind.OTHER, said, name="error")
    elif kind == "input_audio_buffer.committed":
        talk.asked += 1
    elif kind in _SPOKEN:
        spoken = {**body, "type": "response.output_text.delta"}
        openai_responses.read(talk, "", spoken)
    elif kind in _ENDS:
        _end(talk, kind, value)
    elif kind.startswith("session."):
        _session(talk, kind, fields(body.get("session")))
    elif kind == "conversation.item.create":
        openai_responses.item(talk, fields(body.get("item")), Role.USER)
    elif kind.startswith("conversation.item.input_audio_transcription."):
        _heard(talk, kind.rpartition(".")[2], body)
    elif not kind.startswith(_SILENT):
        openai_responses.read(talk, label, value)


def ask(talk: Conversation, value: object) -> None:
    """Take what the client sends first."""
    read(talk, "", value)


def _create(talk: Conversation, body: dict[str, object]) -> None:
    """Begin a turn: Responses says here what is asked, Realtime what is special about this answer."""
    talk.begin_again()
    talk.asked += 1
    asked = fields(body.get("response")) or body
    if asked.get("tools"):
        talk.tools.clear()
        talk.tool_count = 0
    before = (block.text for block in reversed(talk.blocks) if block.role is Role.SYSTEM)
    if asked.get("instructions") == next(before, None):
        asked = {**asked, "instructions": None}  # which each turn says again
    openai_responses.ask(talk, asked)


def _end(talk: Conversation, kind: str, value: object) -> None:
    """End a turn: its numbers are added to those before."""
    before, talk.usage = talk.usage, Usage()
    openai_responses.read(talk, kind, value)
    response = inner(value, "response")
    usage, why = inner(response, "usage"), inner(response, "status_details")
    talk.put(stop=text(why.get("reason")), error=error_of(why.get("error")))
    told, said = inner(usage, "input_token_details"), inner(usage, "output_token_details")
    talk.usage.put(
        cached=number(told.get("cached_tokens")),
        thinking=number(said.get("reasoning_tokens")),
    )
    talk.usage.sound = bool(number(told.get("audio_tokens")) or number(said.get("audio_tokens")))
    talk.turn = talk.usage
    talk.turns_ended += 1
    talk.usage = before.plus(talk.turn)


def _session(talk: Conversation, kind: str, session: dict[str, object]) -> None:
    talk.put(model=text(session.get("model")))
    if kind != "session.update":
        return  # the server says again what it was told
    talk.tools.clear()
    talk.tool_count = 0
    for each in items(session.get("tools")):
        talk.tool(text(fields(each).get("name")) or text(fields(each).get("type")))
    if text(session.get("instructions")):
        talk.whole(Role.SYSTEM, Kind.TEXT, text(session["instructions"]))


def _heard(talk: Conversation, step: str, body: dict[str, object]) -> None:
    """Take what was understood of the user's speech."""
    key = ("heard", text(body.get("item_id")), place(body.get("content_index")))
    if step == "failed":
        talk.put(error=error_of(body.get("error")) or "a transcription failed")
        return
    block = talk.block(key, Role.USER, Kind.TEXT)
    if step == "delta":
        talk.say(block, text(body.get("delta")))
    elif step == "completed":
        if not block.size:
            talk.say(block, text(body.get("transcript")))
        talk.close(block)
