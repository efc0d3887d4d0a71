"""Requests sent again as new flows: to the proxy they are a client like any other.

A `Replay` sends one request a number of times. Each time goes through a `ReplaySession`, so that the flow
is told, decided about and recorded as every flow is; `Line` stands in for the client's socket.
"""
