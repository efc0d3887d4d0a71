"""Payloads made readable: content codings, character sets, JSON, forms, hex.

Pure and bounded: bytes in, safe lines out, at most `max_output` of them, and never an exception for
what a peer has sent. What is unfinished is shown as far as it has come. Nothing in here knows of
flows, files or screens.
"""

from __future__ import annotations

from soth_mitm.decode.rendering import MAX_OUTPUT, Mode, Rendered, render

__all__ = ["MAX_OUTPUT", "Mode", "Rendered", "render"]
