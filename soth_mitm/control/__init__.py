"""The only way in which a user interface acts on the proxy; everything else it does is reading.

`proxy` acts on the proxy and its flows, `debugger` on what is paused. Calls from another thread than the
proxy's are carried over to its loop.
"""

from __future__ import annotations

from soth_mitm.control.debugger import Debugger, DecisionError, PausedMessage
from soth_mitm.control.proxy import Control
from soth_mitm.net.pausing import Lapsed

__all__ = ["Control", "Debugger", "DecisionError", "Lapsed", "PausedMessage"]
