"""HAR 1.2 (HTTP Archive): what browsers, Charles, Fiddler and many viewers read and write.

`writer` writes one entry after the other, `reader` takes entries apart into events. What the format has
no place for stands in members that begin with an underscore, as it allows: `_webSocketMessages` is that
of Chrome; docs/formats.md lists the others.
"""
