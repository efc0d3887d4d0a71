"""Flows as text for other programs and for a terminal without a screen: lines, JSON lines, redaction.

Everything is made from events and from the rows that they fold into; nothing in here opens a file,
reads a clock or knows of the bus. What leaves here is safe for a terminal, or escaped by JSON, and
secrets are masked unless the caller asks for the truth.
"""
