"""Binary formats as text that a person edits: MessagePack, Protocol Buffers, messages of gRPC.

The text says all that the bytes say, also in what width a number was written where another is usual, so
that it alone is enough to write the same bytes again: what is not touched stays as it was, and a value
that is changed changes nothing but itself and the lengths around it. Writers (bytes to text) and readers
(text to bytes) are generators that pause, so that neither takes long at once. `codec` joins them.
"""
