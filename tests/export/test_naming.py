"""Suggested names of files lead nowhere and act as nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.export.naming import NAME_LIMIT, body_name, plain
from tests.export.sent import flow_of, request


@pytest.mark.parametrize(
    ("path", "kind", "coding", "decoded", "expected"),
    [
        (b"/v1/items?page=2", b"application/json; charset=utf-8", b"", True, "items.json"),
        (b"/a/logo.png", b"image/png", b"", True, "logo.png"),
        (b"/app.js", b"text/javascript", b"gzip", False, "app.js.gz"),
        (b"/app.js", b"text/javascript", b"gzip", True, "app.js"),
        (b"/", b"text/html", b"", True, "api.test.html"),
        (b"/data", b"application/x-unknown", b"br", False, "data.bin.br"),
        (b"/problem", b"application/problem+json", b"", True, "problem.json"),
        (b"/..%2f..%2fetc%2fpasswd", b"", b"", True, "etc_passwd.bin"),
        (b"/-rf%20~", b"text/plain", b"", True, "rf.txt"),
        (b"/.bashrc", b"text/plain", b"", True, "bashrc.txt"),
        (b"/nul", b"", b"", True, "_nul.bin"),
        (b"*", b"text/plain", b"", True, "api.test.txt"),
    ],
)
def test_a_body_is_named_as_the_peer_did(
    path: bytes, kind: bytes, coding: bytes, decoded: bool, expected: str
) -> None:
    flow = flow_of(request(target=path), answer_type=kind, answer_coding=coding)
    assert flow.response is not None
    assert body_name(flow, flow.response, decoded=decoded) == expected


@given(st.binary(max_size=200))
def test_no_name_leads_elsewhere_or_acts(path: bytes) -> None:
    path = b"/" + path
    flow = flow_of(request(), path=path)
    assert flow.response is not None
    name = body_name(flow, flow.response, decoded=False)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name)
    assert len(name) <= NAME_LIMIT + 12
    assert ".." not in plain("..")
