"""mitmproxy's files: every version in, the newest out, and the real one as the judge where there is one."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soth_mitm.errors import DumpError
from soth_mitm.export.building import Imported
from soth_mitm.export.mitm.reader import NEWEST, MitmReader
from soth_mitm.export.mitm.tnetstring import TnetError, dumps, loads
from soth_mitm.model import events as e
from tests.helpers import streams
from tests.helpers.dumps import byte_stream, convert, websocket, written
from tests.helpers.invariants import Checker
from tests.helpers.streams import Stream

PEER = Path(__file__).parents[3] / "bench" / ".venv-peer" / "bin" / "python"
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.binary(), st.text()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(VALUES)
def test_a_value_is_read_back_as_it_was_written(value: object) -> None:
    assert loads(dumps(value)) == value


@given(st.binary(max_size=60))
@example(b"4:true?")
@example(b"1:x#")
@example(b"999999999999:x,")
@example(b"0:~0:~")
@example(b"5:5:a,}" * 3)
def test_bytes_that_are_no_value_are_refused_by_the_one_error(data: bytes) -> None:
    with contextlib.suppress(TnetError):
        assert dumps(loads(data))


def test_lists_in_each_other_end_somewhere() -> None:
    data = b""
    for _ in range(500):
        data = b"%d:%b]" % (len(data), data)
    with pytest.raises(TnetError, match="lists in each other"):
        loads(data)


# --- every version --------------------------------------------------------------------------------


def old_conns(*, addresses: bool) -> dict[str, Any]:
    """Return the connections as they were written up to version 8; a mapping an address before 2.0."""

    def address(host: bytes, port: int) -> object:
        return {b"address": [host, port], b"use_ipv6": False} if addresses else [host, port]

    return {
        "client_conn": {"address": address(b"127.0.0.1", 4000), "ssl_established": True,
                        "timestamp_start": 10.0, "cipher_name": b"AES", "tls_version": "TLSv1.2"},
        "server_conn": {"address": address(b"a.test", 443), "ip_address": address(b"192.0.2.1", 443),
                        "source_address": address(b"10.0.0.1", 1), "ssl_established": True, "cert": PEM,
                        "timestamp_start": 10.0, "timestamp_tcp_setup": 10.25, "timestamp_ssl_setup": 10.75,
                        "via": None},
    }  # fmt: skip


PEM = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(b"\x30\x03abc") + b"-----END CERTIFICATE-----\n"
HEADERS = [[b"Host", b"a.test"], [b"X-Odd", b"\xff"]]


def state(version: object) -> dict[str, Any]:
    """Return one exchange as that version wrote it."""
    tuple_version = list(version) if isinstance(version, tuple) else [99]
    request = {"method": b"POST", "scheme": b"https", "host": b"a.test", "port": 443, "path": b"/x",
               "headers": HEADERS, "timestamp_start": 11.0, "timestamp_end": 11.5}  # fmt: skip
    response: dict[str, Any] = {"headers": [[b"Content-Type", b"text/plain"]], "timestamp_start": 12.0,
                                "timestamp_end": 13.0}  # fmt: skip
    found: dict[str, Any] = {
        "version": tuple_version if isinstance(version, tuple) else version, "type": b"http", "id": b"1",
        "request": request, "response": response, "error": None,
        **old_conns(addresses=tuple_version < [2, 0]),
    }  # fmt: skip
    body = "body" if tuple_version[:2] in ([0, 14], [0, 15]) else "content"
    request[body], response[body] = b"up", b"down"
    if tuple_version < [0, 14]:
        request["httpversion"] = response["httpversion"] = [1, 0]
        response.update(code=201, msg=b"Made")
        request["form_in"] = b"relative"
    else:
        request["http_version"] = response["http_version"] = b"HTTP/1.0"
        response.update(status_code=201, **{"msg" if tuple_version < [0, 16] else "reason": b"Made"})
    if isinstance(version, int):
        found["marked"] = True if version < 13 else ":default:"
        found["metadata"] = {}
    if isinstance(version, int) and version >= 9:
        request.update(authority=b"", trailers=None)
        client, server = found["client_conn"], found["server_conn"]
        for conn in (client, server):
            conn["tls"] = conn.pop("ssl_established")
            conn["cipher"] = conn.pop("cipher_name", None)
        server["certificate_list"] = [server.pop("cert")]
        server["timestamp_tls_setup"] = server.pop("timestamp_ssl_setup")
        if version >= 19:
            client["peername"], server["peername"] = client.pop("address"), server.pop("ip_address")
            request["host"] = "a.test"
    return found


def read(data: bytes) -> tuple[list[Imported], list[str]]:
    """Return the flows of bytes, and what is to be known."""
    reader = MitmReader(io.BytesIO(data), "old.mitm")
    return list(reader), reader.remarks


OLD = [(0, 11), (0, 13), (0, 14), (0, 15), (0, 17), (0, 18, 2), (1, 0, 0), (2, 0, 0), (3, 0, 0)]
VERSIONS: list[object] = [*OLD, 4, 8, 10, 13, 19, 20, 21]


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_an_exchange_of_every_version_is_read(version: object) -> None:
    (flow,), remarks = read(dumps(state(version)))
    assert not remarks
    request, response = flow.request, flow.response
    assert request is not None
    assert response is not None
    assert (request.method, request.version, request.body, request.path) == (
        b"POST",
        "HTTP/1.0",
        b"up",
        b"/x",
    )
    assert request.fields == [(b"Host", b"a.test"), (b"X-Odd", b"\xff")]
    assert (response.status, response.reason, response.body) == (201, b"Made", b"down")
    assert (flow.scheme, flow.host, flow.port) == ("https", "a.test", 443)
    assert (flow.client, flow.address) == ("127.0.0.1:4000", "192.0.2.1:443")
    assert (flow.connect_ns, flow.tls_ns) == (250_000_000, 500_000_000)
    assert flow.server_tls is not None
    assert flow.server_tls.chain == (b"\x30\x03abc",)
    assert (flow.started_ns, response.ended_ns) == (11_000_000_000, 13_000_000_000)
    assert flow.mark == ("●" if isinstance(version, int) else "")


def test_websockets_that_old_versions_wrote_apart_come_together() -> None:
    handshake = {**state(10), "id": "h", "metadata": {"websocket": True}}
    handshake["response"].update(status_code=101, content=b"")
    messages = {**state(10), "type": "websocket", "id": "w", "metadata": {"websocket_handshake": "h"},
                "messages": [[1, True, "text", 14.0, False], [2, False, b"\x00", 15.0, True]],
                "close_sender": "server", "close_code": 1001, "close_reason": "away"}  # fmt: skip
    del messages["request"], messages["response"]
    (flow,), _ = read(dumps(handshake) + dumps(messages))
    assert [(talk.label, talk.data, talk.origin) for talk in flow.talks[:2]] == [
        ("text", b"text", ""), ("binary", b"\x00", "dropped")
    ]  # fmt: skip
    assert (flow.talks[2].note, flow.talks[2].direction) == ("1001 away", e.Direction.RESPONSE)


def test_versions_that_cannot_be_read_are_named_with_their_place() -> None:
    first = dumps(state(21))
    with pytest.raises(
        DumpError, match=rf"flow 2 at offset {len(first):,} is of format 99.*: update soth-mitm"
    ):
        read(first + dumps(state(99)))
    with pytest.raises(DumpError, match=r"is of format 0\.10;"):
        read(dumps({"version": [0, 10]}))
    for data in (b"nothing", b"3:abc", b"12:", b"2:ab,"):
        with pytest.raises(DumpError, match=r"old\.mitm is no mitmproxy dump: at offset 0"):
            read(data)


def test_a_damaged_record_costs_itself_alone() -> None:
    whole = dumps(state(21))
    damaged = whole.replace(b"POST", b"PO", 1)
    flows, remarks = read(whole + damaged + whole + whole[:-40])
    assert len(flows) == 2
    assert remarks[0].startswith(f"{len(damaged):,} bytes at offset {len(whole):,} passed over: ")
    assert remarks[1].endswith("the file ends within a record")


def test_flows_for_which_there_is_no_place_are_counted_by_their_type() -> None:
    odd = [{**state(NEWEST), "type": kind} for kind in ("dns", "dns", "quic", "http")]
    flows, remarks = read(b"".join(map(dumps, odd)))
    assert len(flows) == 1
    assert remarks == [
        "2 flows of type DNS were passed over: there is no place for such flows",
        "1 flow of type quic was passed over: there is no place for such flows",
    ]
    _, remarks = read(b"".join(dumps({**state(NEWEST), "type": f"t{number}"}) for number in range(110)))
    assert remarks[0] == "10 flows of type other were passed over: there is no place for such flows"


@given(st.lists(st.sampled_from([b"cut", b"whole", b"noise"]), min_size=1, max_size=4), st.binary(max_size=9))
def test_whatever_is_damaged_nothing_is_thrown_but_what_is_said(parts: list[bytes], noise: bytes) -> None:
    whole = dumps(state(21))
    data = b"".join({b"cut": whole[:-7], b"whole": whole, b"noise": noise}[part] for part in parts)
    with contextlib.suppress(DumpError):
        assert len(read(data)[0]) >= parts.count(b"whole") - parts.count(b"cut") - parts.count(b"noise")


# --- ours, and the real one -----------------------------------------------------------------------


def dump_of(tmp_path: Path) -> Path:
    """Return a dump of all that mitmproxy has a place for, and of what it has not."""
    stream = Stream()
    streams.begin(stream)
    streams.everything(stream)
    websocket(stream)
    byte_stream(stream)
    streams.end(stream)
    return written(tmp_path / "ours.soth", stream)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    outcome = convert(dump_of(tmp_path), tmp_path / "ours.mitm", "mitm")
    assert (outcome.flows, outcome.left_out) == (8, 4)
    assert convert(tmp_path / "ours.mitm", tmp_path / "back.soth", "soth").flows == 8
    for name in ("ours", "back"):
        convert(tmp_path / f"{name}.soth", tmp_path / f"{name}.har", "har")
    ours, back = (
        json.loads((tmp_path / f"{name}.har").read_bytes())["log"]["entries"] for name in ("ours", "back")
    )
    for before, after in zip(ours, back, strict=True):
        if "[@click" in before["request"]["url"]:
            continue  # its addresses are none
        for member in ("method", "url", "headers", "_trailers"):
            assert after["request"].get(member) == before["request"].get(member)
        sent = [each["request"].get("postData", {}).get("text") for each in (before, after)]
        assert sent[0] == sent[1]
        for member in ("status", "headers", "bodySize", "_trailers"):
            assert after["response"].get(member) == before["response"].get(member)
        assert after["response"]["content"].get("text") == before["response"]["content"].get("text")
        for member in ("_client", "serverIPAddress", "comment", "_mark"):
            assert after.get(member) == before.get(member)
        texts = [[talk["data"] for talk in each.get("_webSocketMessages", ()) if talk["opcode"] < 3]
                 for each in (before, after)]  # fmt: skip
        assert texts[0] == texts[1]


def test_what_is_made_of_a_file_keeps_the_rules_of_the_stream() -> None:
    from soth_mitm.export.building import Builder

    checker, builder = Checker(), Builder(run_id="x", source="a test")
    (flow,), _ = read(dumps(state(21)))
    for _ in range(2):
        for event in builder.flow(flow):
            checker.see(event)
        for later in (flow, flow.request, flow.response):
            assert later is not None
            later.started_ns += 10**10
        for made in (flow.request, flow.response):
            assert made is not None
            made.ended_ns += 10**10
    for event in builder.end():
        checker.see(event)


needs_peer = pytest.mark.skipif(not PEER.exists(), reason="no mitmproxy: make bench installs it")
SHOW = """
import sys, json, base64
from mitmproxy.io import FlowReader
def plain(value):
    if isinstance(value, bytes): return base64.b64encode(value).decode()
    if isinstance(value, dict): return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)): return [plain(each) for each in value]
    return value
print(json.dumps([plain(flow.get_state()) for flow in FlowReader(open(sys.argv[1], "rb")).stream()]))
"""
MAKE = """
import sys
from mitmproxy.http import Headers
from mitmproxy.test import tflow
from mitmproxy.io import FlowWriter
flows = [tflow.tflow(resp=True), tflow.twebsocketflow(), tflow.ttcpflow(), tflow.tudpflow()]
flows.append(tflow.tflow(err=True))
flows[0].marked, flows[0].comment = ":default:", "seen"
flows[0].response.trailers = Headers([(b"x-sum", b"1")])
with open(sys.argv[1], "wb") as file:
    for flow in flows: FlowWriter(file).add(flow)
"""


def peer(program: str, path: Path) -> str:
    """Run a program with mitmproxy at hand."""
    done = subprocess.run([PEER, "-c", program, path], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_peer
@pytest.mark.slow
def test_mitmproxy_reads_what_we_write_and_we_what_it_writes(tmp_path: Path) -> None:
    convert(dump_of(tmp_path), tmp_path / "ours.mitm", "mitm")
    states = json.loads(peer(SHOW, tmp_path / "ours.mitm"))
    assert [each["type"] for each in states] == ["http"] * 7 + ["tcp"]
    assert len(states[6]["websocket"]["messages"]) == 3
    assert states[6]["websocket"]["close_code"] == 1000
    upload = next(each for each in states if each["request"]["method"] == base64.b64encode(b"PUT").decode())
    assert len(base64.b64decode(upload["request"]["content"])) == 200_000

    peer(MAKE, tmp_path / "theirs.mitm")
    outcome = convert(tmp_path / "theirs.mitm", tmp_path / "theirs.soth", "soth")
    assert (outcome.flows, outcome.remarks) == (5, [])
    convert(tmp_path / "theirs.soth", tmp_path / "again.mitm", "mitm")
    before, after = (json.loads(peer(SHOW, tmp_path / name)) for name in ("theirs.mitm", "again.mitm"))
    for theirs, again in zip(before, after, strict=True):
        assert again["type"] == theirs["type"]
        for member in ("marked", "comment", "messages"):
            assert again.get(member) == theirs.get(member)
        for name, members in SAME.items():
            for member in members if theirs.get(name) else ():
                assert again[name][member] == theirs[name][member], f"{name}.{member}"
        assert bool(again["error"]) == bool(theirs["error"])


SAME = {
    "request": (
        "method",
        "scheme",
        "host",
        "port",
        "path",
        "headers",
        "content",
        "http_version",
        "authority",
    ),
    "response": ("status_code", "reason", "headers", "content", "http_version", "trailers"),
    "websocket": ("messages", "close_code", "closed_by_client"),
    "client_conn": ("peername",),
    "server_conn": ("peername",),
}  # fmt: skip
