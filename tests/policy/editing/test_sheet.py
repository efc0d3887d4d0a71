"""One draft in parts: what views make of it, what is wrong with it, what is sent."""

from __future__ import annotations

import gzip
import pickle

import msgspec
import pytest

from soth_mitm.model.terms import Direction, MessageForm
from soth_mitm.policy.editing import MessageDraft, RequestDraft, ResponseDraft
from soth_mitm.policy.editing.sheet import Sheet, address, place_of

REQUEST = RequestDraft(
    scheme="https",
    host="api.test",
    port=443,
    method=b"POST",
    target=b"/orders?a=1",
    fields=((b"Content-Type", b"application/json"), (b"content-length", b"2")),
    body=b"{}",
)
RESPONSE = ResponseDraft(status=200, reason=b"OK", fields=((b"Content-Length", b"2"),), body=b"hi")


def sent(sheet: Sheet) -> RequestDraft | ResponseDraft | MessageDraft:
    return sheet.finishing()().draft


def test_an_untouched_draft_is_sent_as_it_was() -> None:
    for draft in (REQUEST, RESPONSE, msgspec.structs.replace(REQUEST, body=None)):
        sheet = Sheet(draft)
        assert sent(sheet) == draft
        assert not sheet.faults()
        assert not sheet.edited


def test_each_part_goes_into_the_draft_and_the_length_follows() -> None:
    sheet = Sheet(REQUEST)
    sheet.change("Line", method="PUT", place="http://other.test:81", target="/x")
    sheet.change("Body", data=b'{"a": 1}')
    draft = sent(sheet)
    assert isinstance(draft, RequestDraft)
    assert (draft.method, draft.scheme, draft.host, draft.port) == (b"PUT", "http", "other.test", 81)
    assert draft.target == b"/x"
    assert draft.fields[1] == (b"content-length", b"8")


def test_as_typed_leaves_the_length_alone() -> None:
    sheet = Sheet(REQUEST)
    sheet.change("Body", data=b"longer", as_typed=True)
    draft = sent(sheet)
    assert isinstance(draft, RequestDraft)
    assert draft.fields == REQUEST.fields
    assert draft.as_typed


def test_a_coded_body_is_edited_decoded_and_sent_coded() -> None:
    coded = msgspec.structs.replace(
        RESPONSE, fields=((b"Content-Encoding", b"gzip"),), body=gzip.compress(b"hi")
    )
    sheet = Sheet(coded)
    assert sheet.parts.data == b"hi"
    assert sheet.codings == ("gzip",)
    assert sent(sheet) == coded
    sheet.change("Body", data=b"hello")
    finishing = pickle.loads(pickle.dumps(sheet.finishing()))
    draft = finishing().draft
    assert gzip.decompress(draft.body) == b"hello"
    again = Sheet(draft, original=coded)
    assert again.parts.data == b"hello"
    assert again.edited


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"place": "api.test"}, "the place is no address"),
        ({"place": "https://a:99999"}, "the place is no address"),
        ({"method": "PO ST"}, "the method cannot hold a blank"),
        ({"target": "/a b"}, "the target cannot hold a blank: write %20"),
        ({"fields": ((b"X", b"a\r\nY: b"),)}, "the value of header 1 cannot hold a carriage return"),
        ({"fields": ((b"X Y", b"1"),)}, "the name of header 1 cannot hold a blank"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(change: dict[str, object], said: str) -> None:
    sheet = Sheet(REQUEST)
    sheet.change("view", same="", **change)
    assert said in str(sheet.faults()[0])
    assert all(getattr(sheet.parts, part) == value for part, value in change.items())


@pytest.mark.parametrize("status", ["", "abc", "2", "700", "٢٠٠"])
def test_a_status_that_is_none_is_a_fault_once(status: str) -> None:
    sheet = Sheet(RESPONSE)
    sheet.change("Line", status=status)
    (fault,) = sheet.faults()
    assert fault.place == "status"
    assert sheet.parts.status == status


def test_the_trouble_of_a_view_keeps_it_from_being_sent() -> None:
    sheet = Sheet(RESPONSE)
    sheet.trouble("Body", "line 1: no such character")
    assert [fault.place for fault in sheet.faults()] == ["Body"]
    sheet.trouble("Body", "")
    assert not sheet.faults()


def test_steps_are_taken_back_one_by_one_and_undo_is_one_of_them() -> None:
    sheet = Sheet(RESPONSE)
    sheet.change("Line", same="status", status="20")
    sheet.change("Line", same="status", status="201")
    sheet.change("Headers", fields=())
    assert sheet.step_back()
    assert (sheet.parts.status, sheet.parts.fields) == ("201", RESPONSE.fields)
    assert sheet.step_back()
    assert sheet.parts.status == "200", "what is typed into one field is one step"
    assert not sheet.step_back()
    sheet.change("Line", status="404")
    assert sheet.undo()
    assert not sheet.edited
    assert sheet.step_back()
    assert sheet.parts.status == "404"
    assert not sheet.change("Line", status="404")


def test_a_message_of_a_stream_has_its_data_alone() -> None:
    made = MessageDraft(form=MessageForm.SSE, direction=Direction.RESPONSE, data=b"x", label="tick", note="7")
    sheet = Sheet(made)
    assert sheet.is_event
    sheet.change("Body", data=b"y")
    sheet.change("Line", label="tock")
    assert sent(sheet) == msgspec.structs.replace(made, data=b"y", label="tock")
    assert not sheet.faults()


@pytest.mark.parametrize(
    ("scheme", "host", "port", "text"),
    [
        ("https", "a.test", 443, "https://a.test"),
        ("http", "a.test", 8080, "http://a.test:8080"),
        ("http", "::1", 80, "http://[::1]"),
    ],
)
def test_a_place_reads_back(scheme: str, host: str, port: int, text: str) -> None:
    assert place_of(scheme, host, port) == text
    assert address(text) == (scheme, host, port)
