"""Documents: bodies of any size as lines, in a process of their own."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import struct
import sys
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter

import msgpack  # type: ignore[import-untyped]
import pytest
from PIL import Image

from soth_mitm.config import Limits
from soth_mitm.decode.picture import HALF
from soth_mitm.decode.views import SMALL_STEP
from soth_mitm.record.document import Document, Documents, Found, Match, Mode, WorkerError
from soth_mitm.text import SafeText
from tests.record.bodies import CHUNK, Body

DEADLINE = 20.0


class Opened:
    """Documents over bodies, closed at the end of the test."""

    def __init__(self) -> None:
        self._all: list[Documents] = []

    def over(self, body: Body, *, limits: Limits | None = None, here_bytes: int = 0) -> Documents:
        documents = Documents(body, limits=limits, here_bytes=here_bytes)
        self._all.append(documents)
        return documents

    async def open(self, body: Body, mode: Mode = "auto", *, here_bytes: int = 0, **limits: int) -> Document:
        return await self.over(body, limits=Limits(**limits), here_bytes=here_bytes).open(body, mode=mode)

    def close(self) -> None:
        for each in self._all:
            each.close()


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    found = Opened()
    yield found
    found.close()


async def settled(document: Document) -> Document:
    async with asyncio.timeout(DEADLINE):
        while not (await document.refresh()).settled:
            await asyncio.sleep(0)
    return document


async def all_lines(document: Document) -> list[SafeText]:
    await settled(document)
    lines: list[SafeText] = []
    while len(lines) < document.info.lines:
        some = await document.lines(len(lines), 100_000)
        assert some
        lines += some
    return lines


async def searched(document: Document, pattern: str, *, regex: bool = False, case: bool = False) -> Found:
    matches: list[Match] = []
    last = None
    async for last in document.search(pattern, regex=regex, case=case):
        matches += last.matches
    assert last is not None
    assert last.done
    return last._replace(matches=matches)


@pytest.mark.parametrize("in_file", [True, False], ids=["spill", "memory"])
async def test_a_body_is_read_from_where_it_lies(opened: Opened, tmp_path: Path, in_file: bool) -> None:
    text = "".join(f"line {number}\n" for number in range(50_000))
    body = Body(text.encode(), path=tmp_path / "one.soth" if in_file else None)
    document = await opened.open(body)
    assert document.info.lines > 1000
    assert await all_lines(document) == text.split("\n")
    assert document.info.kind == "text"
    assert document.info.decoded_bytes == len(text)


async def test_a_small_body_needs_no_process(opened: Opened) -> None:
    documents = opened.over(Body(b"one\ntwo"), here_bytes=1024)
    document = await documents.open(Body(b"one\ntwo"))
    assert documents.lane.pid == 0
    assert document.info.settled


async def test_an_image_is_drawn_in_the_other_process_however_small_it_is(opened: Opened) -> None:
    out = io.BytesIO()
    Image.new("RGB", (2, 2), (255, 0, 0)).save(out, "PNG")
    body = Body(out.getvalue())
    documents = opened.over(body, here_bytes=1024)
    document = await documents.open(body)
    lines = await all_lines(document)
    assert documents.lane.pid
    assert document.info.kind == "image"
    assert lines[1] == "2 x 2 pixels"
    assert lines[-2:] == ["", f"{HALF}ff0000ff0000" * 2]


async def test_an_image_that_cannot_be_drawn_has_its_facts_and_a_reason(opened: Opened) -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, "PNG")
    damaged = bytearray(out.getvalue())
    damaged[50:60] = bytes(10)
    document = await opened.open(Body(bytes(damaged)))
    assert (await all_lines(document))[1] == "64 x 64 pixels"
    assert document.info.notes[-1].startswith("not drawn: ")


async def test_a_body_that_is_read_here_lets_others_have_their_turns(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soth_mitm.record.document.TURN_SECONDS", 0.0)
    body = Body(b"a line of text\n" * 600)
    turns = 0
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(opened.open(body, here_bytes=body.body_bytes))
        while not opening.done():
            turns += 1
            await asyncio.sleep(0)
    assert turns > body.body_bytes // SMALL_STEP
    assert opening.result().info.lines == 601


async def test_a_growing_body_goes_on_where_it_was(opened: Opened, tmp_path: Path) -> None:
    body = Body(b"first\nsec", path=tmp_path / "one.soth", complete=False)
    document = await opened.open(body)
    assert await all_lines(document) == ["first", "sec"]
    body.grow(b"ond\nthird", complete=True)
    await document.follow(body)
    assert await all_lines(document) == ["first", "second", "third"]
    assert document.info.version == 0


async def test_a_body_that_outgrows_this_process_moves_to_the_other(opened: Opened) -> None:
    body = Body(b"a" * 100 + b"\n", complete=False)
    documents = opened.over(body, here_bytes=1024)
    document = await documents.open(body)
    body.grow(b"b\n" * 5000, complete=True)
    await document.follow(body)
    lines = await all_lines(document)
    assert documents.lane.pid
    assert (lines[0], lines[1], len(lines)) == ("a" * 100, "b", 5002)


async def test_a_line_without_end_is_cut_into_pieces(opened: Opened, tmp_path: Path) -> None:
    body = Body(b"x" * 5_000_000 + b"\nend", path=tmp_path / "one.soth")
    document = await opened.open(body)
    lines = await all_lines(document)
    assert (len(lines), {len(line) for line in lines[:-1]}, lines[-1]) == (1251, {4000}, "end")


async def test_bytes_in_hex_are_those_that_passed(opened: Opened) -> None:
    data = gzip.compress(b"hello " * 100, mtime=0)
    document = await opened.open(Body(data, content_encoding=b"gzip"), "hex")
    assert (await document.lines(0, 1))[0].startswith("00000000  1f 8b 08 00")
    assert await document.line_of_offset(17) == 1


async def test_a_coding_that_ends_too_early_shows_what_there_is(opened: Opened) -> None:
    text = b"".join(b"row %d\n" % number for number in range(20_000))
    document = await opened.open(Body(gzip.compress(text)[:-3000], content_encoding=b"gzip"))
    lines = await all_lines(document)
    assert lines[:2] == ["row 0", "row 1"]
    assert document.info.error == "gzip ends too early"


async def test_a_bomb_costs_no_more_than_the_limit(opened: Opened) -> None:
    bomb = zlib.compress(b"\0" * 50_000_000)
    document = await opened.open(Body(bomb, content_encoding=b"deflate"), document_bytes=1_000_000)
    await settled(document)
    assert document.info.truncated
    assert document.info.decoded_bytes == 1_000_000


async def test_a_text_that_turns_out_to_be_latin_1_is_read_anew(opened: Opened) -> None:
    document = await opened.open(Body(b"plain\n" * 50_000 + b"caf\xe9"))
    assert (await all_lines(document))[-1] == "café"
    assert "not UTF-8: read as Latin-1" in document.info.notes


async def test_a_search_finds_each_match_once_also_across_pieces(opened: Opened) -> None:
    text = "é" * 3995 + "needle" + "é" * 300_000 + "NEEDLE\n" + "needle é needle"
    document = await opened.open(Body(text.encode()))
    found = await searched(document, "needle")
    assert found.matched == 4
    lines = await all_lines(document)
    shown = [lines[match.line][match.start : match.end] for match in found.matches]
    assert [each.lower() for each in shown] == ["needl", "needle", "needle", "needle"]
    assert (await searched(document, "needle", case=True)).matched == 3
    assert (await searched(document, r"^needle\b", regex=True)).matched == 1


async def test_only_the_first_matches_have_places_and_all_are_counted(opened: Opened) -> None:
    document = await opened.open(Body(b"ab\n" * 30_000), search_matches=100)
    found = await searched(document, "b")
    assert (len(found.matches), found.matched) == (100, 30_000)


async def test_an_expression_that_is_none_is_refused_with_its_column(opened: Opened) -> None:
    document = await opened.open(Body(b"text"))
    with pytest.raises(WorkerError, match="not a valid regular expression at column 1"):
        await searched(document, "(", regex=True)


async def test_an_expression_that_never_ends_is_given_up_and_the_body_read_anew(opened: Opened) -> None:
    body = Body(b"a" * 3000 + b"\nrest")
    documents = opened.over(body)
    document = await documents.open(body)
    search = document.search("(a+)+b", regex=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await anext(search)
    pid, started = documents.lane.pid, perf_counter()
    await search.aclose()
    assert perf_counter() - started < 0.1
    assert await document.lines(1, 1) == ["rest"]
    assert documents.lane.pid not in (0, pid)


async def test_bytes_that_were_not_recorded_are_told(opened: Opened) -> None:
    body = Body(b"what there is")
    body.body_bytes += 10
    document = await opened.open(body)
    assert await all_lines(document) == ["what there is"]
    assert "the last 10 bytes were not recorded" in document.info.notes


async def test_a_file_that_is_gone_is_told(opened: Opened, tmp_path: Path) -> None:
    body = Body(b"text", path=tmp_path / "one.soth")
    (tmp_path / "one.soth").unlink()
    document = await opened.open(body)
    await settled(document)
    assert document.info.lines == 0
    assert "No such file" in document.info.notes[0]


async def test_json_folds_and_every_line_has_a_path_and_a_value(opened: Opened) -> None:
    value = {"items": [{"id": 1, "odd name": "x" * 9000}, [], {"id": 2, "tags": ["a", "b"]}], "n": 1.0}
    body = Body(json.dumps(value).encode(), content_type=b"application/json")
    document = await opened.open(body)
    lines = await all_lines(document)
    assert document.info.kind == "json"
    paths: dict[str, int] = {await document.path_at(at): at for at in reversed(range(len(lines)))}
    assert lines[paths["$.items"]] == '  "items": ['
    assert await document.value_at(paths['$.items[0]["odd name"]'] + 2) == json.dumps("x" * 9000)
    assert json.loads(await document.value_at(paths["$.items[2]"])) == value["items"][2]  # type: ignore[index]
    assert await document.value_at(paths["$.items[1]"]) == "[]"
    assert await document.value_at(paths["$.items[2].tags[1]"]) == '"b"'
    assert await document.value_at(paths["$.n"]) == "1.0"
    assert json.loads(await document.value_at(0)) == value
    folds = await document.folds(0, len(lines))
    assert [(fold.line, fold.children) for fold in folds] == [
        (0, 2),
        (paths["$.items"], 3),
        (paths["$.items[0]"], 2),
        (paths["$.items[2]"], 2),
        (paths["$.items[2].tags"], 2),
    ]
    assert [lines[fold.end].strip(" ,") for fold in folds] == ["}", "]", "}", "}", "]"]
    assert await document.fold_at(paths["$.items[2]"]) == folds[3]
    assert await document.fold_at(paths["$.n"]) is None


async def test_messagepack_has_folds_paths_and_values_like_json(opened: Opened) -> None:
    value = {"items": [{"id": 1, 7: b"\xff\x00" * 10}, {"id": 2, "tags": ["a", "b"]}], "n": 1.5}
    data = msgpack.packb(value) + msgpack.packb(["second"]) + b"\x2a"
    document = await opened.open(Body(data, content_type=b"application/msgpack"))
    lines = await all_lines(document)
    assert (document.info.kind, document.info.has_folds) == ("msgpack", True)
    paths: dict[str, int] = {await document.path_at(at): at for at in reversed(range(len(lines)))}
    assert lines[paths["$[0].items"]] == '  "items": ['
    assert (await document.value_at(paths["$[0].items[0][7]"])).startswith("h'ff 00 ff")
    assert json.loads(await document.value_at(paths["$[0].items[1]"])) == {"id": 2, "tags": ["a", "b"]}
    assert await document.value_at(paths["$[1][0]"]) == '"second"'
    folds = await document.folds(0, len(lines))
    assert [fold.children for fold in folds] == [2, 2, 2, 2, 2, 1]
    assert [lines[fold.end].strip(" ,") for fold in folds] == ["}", "]", "}", "}", "]", "]"]


async def test_a_decoder_that_was_chosen_is_used_whatever_the_type_says(opened: Opened) -> None:
    body = Body(msgpack.packb({"a": 1}), content_type=b"text/plain")
    documents = opened.over(body)
    document = await documents.open(body, decoder="msgpack")
    assert await all_lines(document) == ["{", '  "a": 1', "}"]
    assert "chosen by hand" in document.info.notes
    body = Body(b"\xc1 no")
    document = await opened.over(body).open(body, decoder="msgpack")
    assert (await all_lines(document))[0].startswith("00000000  c1 20")
    assert document.info.error == "not MessagePack: 0xc1 is never used"


async def test_growing_messagepack_is_shown_as_far_as_it_goes(opened: Opened) -> None:
    data = msgpack.packb({"a": [1, 2], "b": "text"})
    body = Body(data[:-3], content_type=b"application/msgpack", complete=False)
    document = await opened.open(body)
    assert (await all_lines(document))[-1] == "  ]"
    body.grow(data[-3:], complete=True)
    await document.follow(body)
    assert (await all_lines(document))[-2:] == ['  "b": "text"', "}"]
    cut = await opened.open(Body(data[:-3], content_type=b"application/msgpack"))
    assert (await all_lines(cut))[-1].startswith("0000000")
    assert cut.info.error == "not complete: it ends at byte 10, in a value inside a map, 1 entry too early"


async def test_growing_json_is_laid_out_as_far_as_it_goes(opened: Opened) -> None:
    body = Body(b'{"a": [1, 2', content_type=b"application/json", complete=False)
    document = await opened.open(body)
    assert await all_lines(document) == ["{", '  "a": [', "    1,", "    "]
    assert (await document.fold_at(1)) == (1, -1, 0)
    body.grow(b"5]}", complete=True)
    await document.follow(body)
    assert await all_lines(document) == ["{", '  "a": [', "    1,", "    25", "  ]", "}"]


async def test_what_is_not_json_is_shown_as_it_is_and_why(opened: Opened) -> None:
    document = await opened.open(Body(b'{"a": 1,\n}', content_type=b"application/json"))
    assert await all_lines(document) == ['{"a": 1,', "}"]
    assert document.info.kind == "text"
    assert document.info.error == "not valid JSON at line 2, column 1: expected a key in double quotes"
    with pytest.raises(WorkerError, match="only what is laid out as a tree"):
        await document.path_at(0)


async def test_large_json_is_laid_out_only_when_forced(opened: Opened) -> None:
    body = Body(b"[" + b"1," * 5000 + b"1]", content_type=b"application/json")
    documents = opened.over(body, limits=Limits(pretty_bytes=5000))
    document = await settled(await documents.open(body))
    assert document.info.kind == "text"
    assert "larger than 5.0k: shown as it is; press p to lay it out" in document.info.notes
    document = await settled(await documents.open(body, force=True))
    assert (document.info.kind, document.info.lines) == ("json", 5003)


async def test_markup_and_images_are_shown_by_what_they_are(opened: Opened) -> None:
    document = await opened.open(Body(b"<a><b>1</b></a>", content_type=b"application/xml"))
    assert await all_lines(document) == ["<a>", "  <b>1</b>", "</a>"]
    assert document.info.kind == "markup"
    image = b"BM" + bytes(8) + struct.pack("<IIiiHH", 54, 40, 10, 20, 1, 24)
    document = await opened.open(Body(image, content_type=b"image/bmp"))
    assert await all_lines(document) == ["BMP image, 30", "10 x 20 pixels", "24 bits a pixel"]
    assert document.info.kind == "image"


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
@pytest.mark.parametrize(
    "unit", [b"one line of many, 48 bytes long with its end.\n", b"x"], ids=["lines", "one"]
)
async def test_a_body_of_100_mb_shows_at_once_and_costs_no_memory(
    opened: Opened, tmp_path: Path, unit: bytes
) -> None:
    body = Body(path=tmp_path / "large.soth")
    piece = unit * (CHUNK // len(unit))
    for _ in range(100_000_000 // len(piece)):
        body.grow(piece)
    documents = opened.over(body)
    await documents.warm()
    own, other = resident(os.getpid()), resident(documents.lane.pid)
    started = perf_counter()
    document = await documents.open(body)
    assert (await document.lines(0, 1))[0].encode() == unit.rstrip() * (1 if len(unit) > 1 else 4000)
    assert perf_counter() - started < 1
    async with asyncio.timeout(DEADLINE):
        while (await document.refresh()).taken_bytes < 30_000_000:
            await asyncio.sleep(0)
    assert resident(os.getpid()) - own < 8_000_000
    assert resident(documents.lane.pid) - other < 32_000_000
    search = document.search("not in there", regex=False)
    await anext(search)
    started = perf_counter()
    await search.aclose()
    await document.lines(0, 1)
    assert perf_counter() - started < 0.3
