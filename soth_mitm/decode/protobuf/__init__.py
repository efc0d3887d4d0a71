"""Protocol Buffers: the wire format, what it could mean without a schema, and descriptors of schemas."""

from __future__ import annotations
