"""Drafts as what is compared: what a person has changed, before it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.fields import Fields
from soth_mitm.policy.diff.comparing import Sample
from soth_mitm.policy.editing.draft import MessageDraft, RequestDraft

if TYPE_CHECKING:
    from soth_mitm.policy.editing.draft import Draft


def sample_of_draft(draft: Draft) -> Sample:
    """Return a draft to be compared with another; a body that is not held counts as none."""
    if isinstance(draft, MessageDraft):
        return Sample(body=draft.data, body_bytes=len(draft.data))
    if isinstance(draft, RequestDraft):
        start = b"%b %b" % (draft.method, draft.target)
    else:
        start = b"%d %b" % (draft.status, draft.reason)
    fields, body = Fields(draft.fields), draft.body or b""
    return Sample(
        start=start.strip(),
        fields=draft.fields,
        body=body,
        body_bytes=len(body),
        content_type=fields.get(b"content-type"),
        content_encoding=fields.joined(b"content-encoding"),
    )
