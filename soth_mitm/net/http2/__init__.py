"""HTTP/2 over sockets: a client's connection, its upstreams, and the exchanges between them.

`session` is a client's connection with many streams; `exchange` is one stream as a flow; `reach` finds
the upstream of a stream and shares its connections; `upstream` is an HTTP/2 connection to one, with its
`leg`s; `h1leg` carries a stream over HTTP/1.1, `bridge` the other way round; `deciding` asks the handler;
`pump` sends what waits. Bytes are only granted to a sender once the other side has taken what it sent.
"""
