"""Requests made of what a person pastes: a curl command, of any form that browsers copy. Pure."""

from __future__ import annotations

from soth_mitm.policy.composing.curl import Pasted as Pasted
from soth_mitm.policy.composing.curl import from_curl as from_curl
from soth_mitm.policy.composing.words import PasteError as PasteError
