"""WebSocket (RFC 6455, RFC 7692, RFC 8441), as somebody who looks on reads it.

`handshake` judges an upgrade, `extensions` reads what was agreed on, `frames` and `deflate` read frames
over wsproto, `reading` makes messages of them, `observer` joins both directions. `turns` folds messages
into turns. Bytes are only looked at: whoever carries them passes them on as they came.
"""

from __future__ import annotations
