"""Schemas from a server: what is asked of its reflection service, and what is said where that fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # its handlers write to the streams of later tests
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc

from soth_mitm.cli.reflection import with_reflected
from soth_mitm.decode.protobuf.schema import schema_of
from soth_mitm.errors import ConfigError
from tests.decode.shop import SET
from tests.helpers.grpc_service import fields_of, message

NAME = b"shop.proto"
FILE = message((1, NAME)) + bytes(fields_of(SET)[1][1])


def file(name: bytes, *needs: bytes) -> bytes:
    return message((1, name), *((3, need) for need in needs))


class Server:
    """Answers as a reflection service does, which declares a file that imports others."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.most = 1000
        self.asked: list[tuple[int, bytes]] = []
        self.files: dict[bytes, bytes] = {
            b"main.proto": file(b"main.proto", b"a.proto", b"gone.proto"),
            b"a.proto": file(b"a.proto", NAME),
            NAME: FILE,
        }

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if details.method != f"/grpc.reflection.{self.version}.ServerReflection/ServerReflectionInfo":
            return None
        return grpc.stream_stream_rpc_method_handler(
            lambda questions, _: map(self.answer, islice(questions, self.most))
        )

    def answer(self, question: bytes) -> bytes:
        ((number, values),) = fields_of(question).items()
        value = values[0]
        assert isinstance(value, bytes)
        self.asked.append((number, value))
        if number == 7:
            return message((6, message((1, message((1, b"shop.Shop"))), (1, message((1, b"other.Other"))))))
        found = self.files.get(b"main.proto" if value == b"shop.Shop" else value)
        if found is None:
            return message((7, message((1, 5), (2, b"not here"))))
        return message((4, message((1, found))))


@contextmanager
def serving(version: str = "v1") -> Iterator[tuple[Server, str]]:
    ours = Server(version)
    server = grpc.server(ThreadPoolExecutor(2))

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
            return ours.service(details)

    server.add_generic_rpc_handlers((Handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield ours, f"grpc://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_a_server_is_asked_once_for_all_that_it_declares(version: str) -> None:
    with serving(version) as (server, url):
        (path,) = with_reflected([url])
        assert with_reflected([url, "x.desc"]) == [path, "x.desc"]
    schema = schema_of([Path(path).read_bytes()])
    taken = schema.of_path(b"/shop.Shop/Get", response=True)
    assert taken is not None
    assert taken.name == "shop.Thing"
    assert [value for _, value in server.asked] == [
        b"", b"shop.Shop", b"other.Other", b"a.proto", b"gone.proto", NAME,
    ]  # fmt: skip


def test_a_server_without_reflection_says_what_to_give_instead() -> None:
    with serving("v2") as (_, url), pytest.raises(ConfigError, match="offers no reflection; without") as told:
        with_reflected([url])
    assert str(told.value).startswith(f"--proto {url}: ")


@pytest.mark.parametrize("url", ["grpc://", "grpc://[::", "grpc://127.0.0.1:99999", "grpc://host:x"])
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(ConfigError, match="not an address"):
        with_reflected([url])


def test_a_server_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr("socket.create_connection", refuse)
    with pytest.raises(ConfigError, match="50051: Connection refused; without"):
        with_reflected(["grpc://10.0.0.1:50051"])


def test_a_name_that_nobody_could_look_up_is_told() -> None:
    with pytest.raises(ConfigError, match="no name that could be looked up; without"):
        with_reflected([f"grpc://{'a' * 70}.test:50051"])


def test_a_server_that_ends_the_call_behind_an_answer_is_told_at_once() -> None:
    with serving() as (server, url):
        server.most = 1
        with pytest.raises(ConfigError, match=r"(ended the call|does not take the next question).*; without"):
            with_reflected([url])
