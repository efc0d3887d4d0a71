"""The clients that make the load, each a process of its own: `python -m bench.clients.X JSON`.

They read their task from one JSON argument and print one JSON object. They need nothing but Python, so
that every lane runs everywhere; where wrk and proxychains4 are installed, `wrk` is taken instead for the
throughput of kept connections.
"""
