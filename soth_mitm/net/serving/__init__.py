"""Answers of our own that stand in an upstream's place: files, mocks, what was recorded.

`inner` is a server on the other end of a socket pair, which an exchange reaches as it reaches an
upstream: so answers stream, slow readers hold them back, and every version of HTTP works alike.
`files`, `canned` and `recorded` are what it answers with.
"""
