"""A message that a person writes or changes: what it is made of, before it is bytes on a wire.

Breakpoints, replay and the editors speak of the same drafts. Everything here is pure.
"""

from __future__ import annotations

from soth_mitm.policy.editing.draft import Draft, MessageDraft, RequestDraft, ResponseDraft

__all__ = ["Draft", "MessageDraft", "RequestDraft", "ResponseDraft"]
