"""The demo's stage: an origin of our own, and clients that use it through the real proxy.

Everything here runs on loopback with real sockets. `stage` is the door: it makes a certificate
authority that lives as long as the stage, opens the origins (`origin`, with what `content`, `media`
and `streams` have to tell), and lets clients loose (`traffic`, which plays what `script` deals).

The names are of the reserved top-level domain `.test` (RFC 6761). No name is ever looked up, no
packet leaves the machine. Nothing here knows how the proxy works inside, and nothing here draws.
"""
