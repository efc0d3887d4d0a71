"""The terminal app: screens, widgets and keys over the core's record.

It reads `record`, `model`, `decode`, `export`, `policy`, `text` and `config` of `soth_mitm`, and
writes through `control` alone. Nothing here opens a socket or judges a byte.
"""
