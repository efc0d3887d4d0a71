"""Every reason code of the HTTP/1.1 codec in words: what it means, and what to do about it.

The codes are stable: rows, events, tests and people's scripts rely on them.
"""

from __future__ import annotations

from typing import NamedTuple


class Reason(NamedTuple):
    """A reason code in words."""

    text: str
    "One sentence for an error page or a row."
    advice: str
    "What to do next."
    status: int = 400
    "What a request is refused with; a response always with 502."


_FIX_SENDER = "Fix the sender; to let it through for one host, set that host to lenient."
_SMUGGLING = (
    "Fix the sender: two readers could disagree about where this message ends (request smuggling), "
    "so it is never relayed."
)
_SHOWN_ONLY = "Nothing to do: it was relayed as it came."

REASONS: dict[str, Reason] = {
    # Line structure
    "bare_lf": Reason("A line ends with a line feed alone instead of CR LF.", _FIX_SENDER),
    "bare_cr": Reason("A line holds a carriage return that does not end it.", _FIX_SENDER),
    "nul": Reason("The head holds a NUL byte.", _FIX_SENDER),
    "obs_fold": Reason("A field is continued on a second line, which HTTP no longer allows.", _FIX_SENDER),
    "space_before_first_field": Reason("Whitespace stands before the first field.", _FIX_SENDER),
    "missing_colon": Reason("A line in the head is no field: it has no colon.", _FIX_SENDER),
    "space_before_colon": Reason("Whitespace stands between a field name and its colon.", _FIX_SENDER),
    "invalid_field_name": Reason("A field name holds characters that no name may hold.", _FIX_SENDER),
    "control_char": Reason("A value holds a control character.", _FIX_SENDER),
    "leading_empty_line": Reason("Empty lines stood before the message and were skipped.", _SHOWN_ONLY),
    "header_too_large": Reason(
        "The head is larger than the limit.",
        "Look for an overgrown cookie or token, or raise the limit for heads.",
        431,
    ),
    # Request line and Host
    "invalid_request_line": Reason("The request line is not 'method target version'.", _FIX_SENDER),
    "invalid_method": Reason("The method holds characters that no method may hold.", _FIX_SENDER),
    "invalid_target": Reason(
        "The target holds a space or a control character.",
        "Percent-encode the target; to let it through for one host, set that host to lenient.",
    ),
    "target_not_ascii": Reason("The target holds raw bytes beyond ASCII.", _SHOWN_ONLY),
    "host_differs": Reason("The Host field names another host than the target does.", _SHOWN_ONLY),
    "invalid_version": Reason("The version is not of the form HTTP/1.1.", _FIX_SENDER),
    "version_unsupported": Reason(
        "The version is neither HTTP/1.0 nor HTTP/1.1.", "Let the sender speak HTTP/1.1.", 505
    ),
    "missing_host": Reason("An HTTP/1.1 request came without a Host field.", _FIX_SENDER),
    "duplicate_host": Reason("The request has more than one Host field.", _FIX_SENDER),
    "invalid_host": Reason("The Host field is not a host name with an optional port.", _FIX_SENDER),
    "expect_unknown": Reason("The Expect field asks for something other than 100-continue.", _SHOWN_ONLY),
    # Status line
    "invalid_status_line": Reason(
        "The first line of the answer is no HTTP status line.",
        "Check that the upstream speaks HTTP on this port; a lenient host may answer with a foreign one.",
    ),
    "status_line_spacing": Reason("The status line is spaced or spelt oddly.", _SHOWN_ONLY),
    "missing_reason": Reason("The status line ends right after the status.", _SHOWN_ONLY),
    "status_out_of_range": Reason("The status is above 599.", _SHOWN_ONLY),
    "too_many_interim": Reason(
        "The upstream sent 1xx answers without end before its final answer.",
        "Look at what the upstream does with this request; their sum is held to the limit for heads.",
    ),
    # Framing
    "te_and_cl": Reason("Both Transfer-Encoding and Content-Length are present.", _SMUGGLING),
    "cl_conflict": Reason("Several Content-Length values differ.", _SMUGGLING),
    "cl_invalid": Reason("Content-Length is not a plain decimal number.", _SMUGGLING),
    "cl_overflow": Reason("Content-Length is larger than any body can be.", _SMUGGLING),
    "cl_repeated": Reason("Content-Length is repeated with the same value.", _SHOWN_ONLY),
    "cl_leading_zero": Reason("Content-Length is written with leading zeros.", _SHOWN_ONLY),
    "te_malformed": Reason("Transfer-Encoding is not a list of coding names.", _SMUGGLING),
    "te_unsupported": Reason(
        "Transfer-Encoding names something other than chunked.", "Let the sender use chunked alone.", 501
    ),
    "te_coding_list": Reason("Other transfer codings stand before chunked.", _SHOWN_ONLY),
    "te_chunked_repeated": Reason("Transfer-Encoding names chunked more than once.", _SMUGGLING),
    "te_chunked_not_last": Reason("chunked is not the last transfer coding.", _SMUGGLING),
    "te_in_http10": Reason("Transfer-Encoding stands in an HTTP/1.0 message.", _SMUGGLING),
    "hidden_framing_field": Reason(
        "A malformed line names Content-Length or Transfer-Encoding, and readers differ about it.", _SMUGGLING
    ),
    "connect_has_body": Reason("A CONNECT request announces a body, which it cannot have.", _SMUGGLING),
    "body_fields_ignored": Reason("An answer that has no body announces one.", _SHOWN_ONLY),
    # Bodies
    "chunk_size_invalid": Reason("A chunk size is not a plain hexadecimal number.", _SMUGGLING),
    "chunk_size_overflow": Reason("A chunk size is larger than any chunk can be.", _SMUGGLING),
    "chunk_line_too_long": Reason(
        "A chunk-size line is longer than 8 KiB.", "Let the sender use shorter chunk extensions."
    ),
    "chunk_ext_invalid": Reason("A chunk extension holds a control character.", _SMUGGLING),
    "chunk_bare_lf": Reason("A chunk-size line or a trailer ends with a line feed alone.", _SMUGGLING),
    "chunk_data_end": Reason("The data of a chunk is not followed by CR LF.", _SMUGGLING),
    "trailers_too_large": Reason(
        "The trailer section is larger than the limit for heads.", "Let the sender use fewer trailers.", 431
    ),
    # Ends
    "eof_before_head": Reason(
        "The connection was closed before any answer.",
        "Look at the upstream's log; a request that may be repeated can be sent again.",
    ),
    "eof_in_head": Reason(
        "The connection was closed in the middle of a head.", "Look at the log of the side that closed."
    ),
    "answered_in_http2": Reason(
        "HTTP/2 came where HTTP/1.1 was spoken.",
        "Reach a server that speaks HTTP/2 alone by h2c:// or https://, or with a client that begins so.",
    ),
    "eof_in_body": Reason(
        "The connection was closed before the body was complete.",
        "What had arrived was relayed; look at the log of the side that closed.",
    ),
}
