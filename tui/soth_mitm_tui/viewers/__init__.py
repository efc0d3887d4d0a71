"""The viewers of the detail: what a pane of many lines shows, where it is, what is chosen and found in it.

Content is a sequence of lines that may be far longer than memory (`content`); rows, places and
selections are computed for what is in sight only, so that no length changes what a key press costs.
Nothing here reads sockets or files: bodies come through `record`.
"""
