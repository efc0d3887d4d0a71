"""Schemas of Protocol Buffers from files: descriptor sets, sources, and what is wrong with them in words."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from soth_mitm.decode.about import About
from soth_mitm.errors import ConfigError
from soth_mitm.record import schemas
from soth_mitm.record.document import Documents
from tests.decode.shop import SET, SOURCE
from tests.decode.wire import frame, length, number
from tests.record.bodies import Body


def script(path: Path, text: str) -> Path:
    """Write a program."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_descriptor_set_is_read_and_named_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.desc").write_bytes(SET)
    monkeypatch.chdir(tmp_path)
    paths = schemas.prepared(["shop.desc"])
    assert paths == (str(tmp_path / "shop.desc"),)
    schema = schemas.load(paths)
    assert schema is not None
    assert "shop.Thing" in schema.messages
    assert schemas.load(()) is None
    assert schemas.load((str(tmp_path / "gone.desc"),)) is None


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("gone.desc", None, "gone.desc: No such file"),
        ("gone.proto", None, "gone.proto: there is no such file"),
        ("bad.desc", b"syntax", "bad.desc: it is no descriptor set .*; give what protoc"),
        ("empty.desc", b"", "empty.desc: it declares no file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, name: str, data: bytes | None, words: str) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigError, match=words):
        schemas.prepared([str(tmp_path / name)])


@pytest.mark.skipif(os.name != "posix", reason="the compiler is a script")
def test_sources_are_compiled_and_the_compiler_s_words_are_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.proto").write_text(SOURCE)
    (tmp_path / "made.desc").write_bytes(SET)
    where = tmp_path / "bin"
    where.mkdir()
    monkeypatch.setenv("PATH", f"{where}:/usr/bin:/bin")
    case = f'--descriptor_set_out=*) cp {tmp_path}/made.desc "${{a#*=}}"'
    copy = f'for a in "$@"; do case $a in {case};; esac; done'
    script(where / "protoc", copy)
    (path,) = schemas.prepared([str(tmp_path / "shop.proto")])
    schema = schemas.load((path,))
    assert schema is not None
    assert "shop.Thing" in schema.messages
    script(where / "protoc", 'echo "shop.proto:3:1: Expected a thing" >&2; exit 1')
    with pytest.raises(ConfigError, match=re.escape("shop.proto:3:1: Expected a thing")):
        schemas.prepared([str(tmp_path / "shop.proto")])


def test_without_a_compiler_a_source_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.proto").write_text(SOURCE)
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="needs protoc"):
        schemas.prepared([str(tmp_path / "shop.proto")])


@pytest.mark.outside("protoc")
def test_the_compiler_makes_what_we_read(tmp_path: Path) -> None:
    (tmp_path / "shop.proto").write_text(SOURCE)
    schema = schemas.load(schemas.prepared([str(tmp_path / "shop.proto")]))
    assert schema is not None
    assert schema.of_path(b"/shop.Shop/Get", response=True) == schema.messages["shop.Thing"]
    assert [field.name for field in schema.messages["shop.Thing"].fields.values()] == ["name", "count"]


@pytest.mark.parametrize("here_bytes", [0, 8192], ids=["process", "here"])
async def test_a_document_shows_messages_by_their_schema(tmp_path: Path, here_bytes: int) -> None:
    (tmp_path / "shop.desc").write_bytes(SET)
    body = Body(frame(length(1, "tea") + number(2, 3)), content_type=b"application/grpc")
    protos = schemas.prepared([str(tmp_path / "shop.desc")])
    documents = Documents(body, here_bytes=here_bytes, protos=protos)
    about = About(b"application/grpc", path=b"/shop.Shop/Get", response=True)
    document = await documents.open(body, about=about)
    while not (await document.refresh()).settled:
        pass
    assert await document.lines(0, 9) == [
        "● message 1 · 7 bytes  # message shop.Thing",
        "  {",
        '    name: "tea",',
        "    count: -2",
        "  }",
    ]
    assert await document.path_at(2) == "message 1 $.name"
    documents.close()
