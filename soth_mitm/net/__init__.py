"""The drivers: sockets, TLS, and the tasks and protocols that move bytes.

They feed the sans-I/O machines of `proto`, ask `policy` what to do, call the `hooks`, and publish
what happened to `record`. Nothing above `core` imports from here.

The way of a connection: `listener` accepts it, `entry` peeks at its first bytes, `connect` serves a
CONNECT (policy, dial, hello, TLS on both sides) and ends in `tunnel` or in `session`, where one
`exchange` after another is relayed over an `upstream` connection.
"""
