"""What is known of a conversation as words: its model, its numbers, its end, and what was odd."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soth_mitm.decode.llm.conversation import Conversation, Usage


def heading(talk: Conversation) -> str:
    """Return what stands above the first block: dialect, model, and the tools that are offered."""
    words = [talk.dialect, talk.model]
    if talk.tool_count:
        words.append(f"{talk.tool_count:,} tool{'s' * (talk.tool_count > 1)} offered")
    return " · ".join(word for word in words if word)


def tokens(usage: Usage) -> str:
    """Return the numbers of tokens; empty where there are none."""
    words = []
    if usage.input is not None:
        inside = "of them" if usage.cached_inside else "more"
        words.append(f"{usage.input:,} tokens in")
        if usage.cached:
            words.append(f"{usage.cached:,} {inside} from the cache")
        if usage.written:
            words.append(f"{usage.written:,} {inside} into the cache")
    if usage.output is not None:
        words.append(f"{usage.output:,} tokens out")
    if usage.thinking:
        words.append(f"{usage.thinking:,} {'of them' if usage.thinking_inside else 'more'} for thinking")
    return ", ".join(words)


def turn(talk: Conversation) -> str:
    """Return what stands below an answer that others may follow, with its own numbers."""
    counted = tokens(talk.turn) if talk.turn is not None else ""
    stop = f"stopped: {talk.stop_reason}" if talk.stop_reason else ""
    error = f"error: {talk.error}" if talk.error else ""
    words = (f"answer {talk.turns_ended:,}", stop, error, counted)
    return " · ".join(word for word in words if word)


def ending(talk: Conversation) -> list[str]:
    """Return what stands below the last block."""
    if talk.turns_ended:
        return [f"{talk.turns_ended:,} answers · {tokens(talk.usage)}"] if talk.turns_ended > 1 else []
    said = []
    if talk.error:
        said.append(f"error: {talk.error}")
    stop = f"stopped: {talk.stop_reason}" if talk.stop_reason else ""
    line = " · ".join(word for word in (stop, tokens(talk.usage)) if word)
    if line:
        said.append(line)
    return said


def oddities(talk: Conversation) -> list[str]:
    """Return what was counted and not understood, or not kept."""
    said = []
    if talk.unknown:
        names = [f"{name}{f' ({count:,})' if count > 1 else ''}" for name, count in talk.unknown.items()]
        more = f" and {len(names) - 8:,} more" if len(names) > 8 else ""
        said.append(f"not known: {', '.join(names[:8])}{more}")
    if talk.dropped:
        said.append(f"{talk.dropped:,} more blocks are not shown")
    return said
