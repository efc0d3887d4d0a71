"""What the product talks about: events, limits, reason codes, fields, and TLS facts.

Plain values only. Nothing here opens a socket, reads a clock, or knows who is listening; every
other layer may import this one, and it imports nothing but the leaves.
"""
