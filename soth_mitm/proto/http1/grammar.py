"""The expressions of HTTP/1.1 (RFC 9110 section 5, RFC 9112 sections 2 to 7).

The two head expressions accept canonical heads only, in one pass without backtracking; what they do not
match goes to `explain`, which knows the legal oddities too. No expression here can cross an empty line.
"""

from __future__ import annotations

import re

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_VALUE = rb"[\t\x20-\x7e\x80-\xff]*+"
_FIELDS = rb"(?:" + _TOKEN + rb":" + _VALUE + rb"\r\n)*+\r\n"

REQUEST = re.compile(rb"(" + _TOKEN + rb") ([!-~\x80-\xff]++) HTTP/1\.([01])\r\n" + _FIELDS)
"Method, target and minor version of a strict request head."
RESPONSE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9]) (" + _VALUE + rb")\r\n" + _FIELDS)
"Minor version, status and reason of a strict response head."

_SHARED = rb"connection|content-(?:length|type|encoding)|transfer-encoding|upgrade"
REQUEST_NOTED = re.compile(rb"\n(?=[CcEeHhTtUu])((?i:host|expect|" + _SHARED + rb")):([^\r]*+)")
"Name and value of each field of a strict request head that the codec acts on."
RESPONSE_NOTED = re.compile(rb"\n(?=[CcTtUu])((?i:" + _SHARED + rb")):([^\r]*+)")
"The same for a response; the names can be told apart by their length alone."

HEAD_END = re.compile(rb"\n\r?\n")
"The end of any head, with bare line feeds too."
EMPTY_LINES = re.compile(rb"(?:\r\n)++")
EMPTY_LINES_LOOSE = re.compile(rb"(?:\r?\n)++")
TRAILERS = re.compile(_FIELDS)
"A strict trailer section with its empty line."

TOKEN = re.compile(_TOKEN)
VALUE = re.compile(_VALUE)
FIELD = re.compile(rb"(" + _TOKEN + rb"):(" + _VALUE + rb")")
"A field line without its line end."
LENGTH = re.compile(rb"0|[1-9][0-9]{0,17}")
"A canonical Content-Length below 10**18; longer ones take the slow path."

_REG_NAME = rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*+"
_IP_LITERAL = (
    rb"\[(?:[0-9A-Fa-f:.]++(?:%25[A-Za-z0-9\-._~%]++)?|[vV][0-9A-Fa-f]++\.[A-Za-z0-9\-._~!$&'()*+,;=:]++)\]"
)
HOST = re.compile(rb"(?:" + _REG_NAME + rb"|" + _IP_LITERAL + rb")(?::[0-9]*+)?")
"uri-host [':' port] (RFC 3986 section 3.2.2, RFC 6874); may be empty."

STATUS_LINE = re.compile(rb"HTTP/([0-9])\.([0-9]) ([0-9]{3})(?: (.*))?", re.DOTALL)
STATUS_LINE_LOOSE = re.compile(rb"(?i:HTTP)/([0-9])\.([0-9])[ \t]+([0-9]{3})(?:[ \t]+(.*))?", re.DOTALL)
STATUS_LINE_FOREIGN = re.compile(rb"[A-Za-z]+(?:/[0-9.]+)?[ \t]+([0-9]{3})(?:[ \t]+(.*))?", re.DOTALL)
"A status line of another version or a look-alike (ICY 200 OK)."
VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")

TARGET_AUTHORITY = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*+://([^/?#]*+)")
"The authority of an absolute-form target."
CONTROL_IN_TARGET = re.compile(rb"[\x00-\x20\x7f]")
CONTROL_IN_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
FRAMING_NAME = re.compile(rb"(?i:content-length|transfer-encoding)")

CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*+;[\t\x20-\x7e\x80-\xff]*+)?\r\n")
"A chunk-size line of fewer than 16 digits (RFC 9112 section 7.1)."
CHUNK_LINE_WIDE = re.compile(
    rb"(?=[0-9A-Fa-f])0*+([0-9A-Fa-f]{0,15})(?:[ \t]*+;[\t\x20-\x7e\x80-\xff]*+)?\r\n"
)
"The same with any number of leading zeros."
