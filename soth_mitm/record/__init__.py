"""The event stream at work: fan-out, recording, reading, and the two folds.

`bus` numbers events and fans them out; `recorder` writes them as `.soth`; `reader` reads that
format back; `rows` and `view` fold events into what a list and a detail show; `store` joins a
recorder with its index for a user interface. Nothing here knows a socket or a screen.
"""
