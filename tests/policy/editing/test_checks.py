"""What keeps a draft from being sent, and where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.model.terms import Direction, MessageForm
from soth_mitm.policy.editing import MessageDraft, RequestDraft, ResponseDraft
from soth_mitm.policy.editing.checks import faults
from soth_mitm.policy.editing.draft import FieldLine


def _request(*fields: FieldLine, method: bytes = b"GET", target: bytes = b"/") -> RequestDraft:
    return RequestDraft(scheme="http", host="a.test", port=80, method=method, target=target, fields=fields)


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        (_request(method=b""), "the method is missing"),
        (_request(method=b"GE T"), "the method cannot hold a blank (at byte 3)"),
        (_request(target=b""), "the target is missing: write / for the root"),
        (_request(target=b"/a b"), "the target cannot hold a blank: write %20 (at byte 3)"),
        (_request(target=b"/\x1b"), r"the target cannot hold \x1b: write %1B (at byte 2)"),
        (_request((b"", b"1")), "the name of header 1 is missing"),
        (_request((b"a", b"1"), (b"x:y", b"1")), "the name of header 2 cannot hold a colon (at byte 2)"),
        (_request((b"x\xc3\xa4", b"1")), r"the name of header 1 cannot hold \xc3 (at byte 2)"),
        (_request((b"a", b"1\r\nb: 2")), "the value of header 1 cannot hold a carriage return (at byte 2)"),
        (_request((b"a", b"1\nb: 2")), "the value of header 1 cannot hold a line break (at byte 2)"),
        (_request((b"a", b"\x00")), "the value of header 1 cannot hold a NUL byte (at byte 1)"),
        (ResponseDraft(status=99), "the status 99 is none: it is from 200 to 599"),
        (ResponseDraft(status=200, reason=b"O\nK"), "the reason cannot hold a line break (at byte 2)"),
    ],
)
def test_a_fault_names_its_place(draft: RequestDraft | ResponseDraft, said: str) -> None:
    assert [str(fault) for fault in faults(draft)] == [said]


def test_all_faults_are_told_in_the_order_of_the_message() -> None:
    draft = _request((b"ok", b"\xff\t~"), (b"b c", b"\r"), method=b"\n", target=b" ")
    assert [(fault.place, fault.field) for fault in faults(draft)] == [
        ("method", 0),
        ("target", 0),
        ("name", 2),
        ("value", 2),
    ]


def test_what_the_sender_wrote_may_go_on_as_it_came() -> None:
    original = _request((b"odd name", b"1"), method=b"G(T", target=b"/\x7f")
    assert faults(original)
    assert faults(original, original=original) == ()
    assert faults(ResponseDraft(status=799), original=ResponseDraft(status=799)) == ()


def test_a_message_of_a_stream_may_hold_any_bytes() -> None:
    draft = MessageDraft(form=MessageForm.WEBSOCKET, direction=Direction.REQUEST, data=b"\x00\r\n")
    assert faults(draft) == ()


@given(st.binary(max_size=6), st.binary(max_size=6))
def test_a_head_without_faults_holds_as_many_lines_as_fields(name: bytes, value: bytes) -> None:
    if not faults(_request((name, value))):
        assert (name + b": " + value).split(b": ", 1) == [name, value]
        assert not {b"\r", b"\n", b"\x00"} & {bytes((byte,)) for byte in name + value}
