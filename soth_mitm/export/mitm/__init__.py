"""mitmproxy's flow files: tnetstrings, one flow after the other, without a header or an index.

`reader` reads what every version from 0.11 on has written, `writer` writes what the newest reads.
"""
