"""Converting from the command line, and other formats where a dump is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from soth_mitm.cli import convert, options
from soth_mitm.cli.foreign import growing_soth
from soth_mitm.errors import ConfigError, DumpError
from soth_mitm.model import events as e
from soth_mitm.record.kinds import format_of_file, format_of_name, format_of_start
from soth_mitm.record.store import Store
from tests.helpers import dumps, streams
from tests.helpers.dumps import events_of, har_of, written
from tests.helpers.streams import Stream


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """Return a dump of all sorts of flows, and a HAR beside it."""
    stream = Stream()
    streams.begin(stream)
    streams.everything(stream)
    har_of(tmp_path, stream)
    return tmp_path / "dump.soth"


def run(*arguments: str | Path) -> int:
    """Run the command in this process."""
    return convert.command(options.parse(["convert", *map(str, arguments)]))


def test_what_matches_is_written_and_summed_up(
    dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(dump, tmp_path / "some.har", "status:200") == 0
    entries = json.loads((tmp_path / "some.har").read_bytes())["log"]["entries"]
    assert {entry["response"]["status"] for entry in entries} == {200}
    said = capsys.readouterr().err
    assert f"{len(entries)} flows written to {tmp_path / 'some.har'}" in said
    assert "secrets are masked" in said
    assert run(dump, tmp_path / "some.soth", "host:upload") == 0
    assert {event.flow for event in events_of(tmp_path / "some.soth") if event.flow} == {4}
    assert run(dump, "-", "--to", "jsonl", "-q", "status:201") == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("{dump}", "{dump}"), "is the input"),
        (("{dump}", "out.xyz"), "cannot tell the format of out.xyz"),
        (("{dump}", "-"), "give --to soth|har|mitm|jsonl"),
        (("missing.soth", "out.har"), "missing.soth: No such file"),
        (("{dump}", "{directory}/dump.har"), "it exists already"),
        (("{dump}", "{directory}/new.har", "status:"), "'status:': "),
    ],
)
def test_what_makes_no_sense_is_said(
    arguments: tuple[str, ...], says: str, dump: Path, tmp_path: Path
) -> None:
    given = [each.format(dump=dump, directory=tmp_path) for each in arguments]
    with pytest.raises((ConfigError, DumpError)) as refused:
        run(*given)
    assert says in str(refused.value)
    assert not list(tmp_path.glob(".*.part"))


def test_a_damaged_dump_is_converted_and_its_damage_told(
    dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(dump.read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "damaged.soth").write_bytes(data)
    assert run(tmp_path / "damaged.soth", tmp_path / "damaged.har") == 0
    assert "damaged place passed over" in capsys.readouterr().err


async def test_a_har_can_be_looked_at_as_soon_as_its_first_flow_is_there(dump: Path, tmp_path: Path) -> None:
    async with growing_soth(tmp_path / "dump.har") as (copy, remarks):
        assert remarks == []
        store = Store.open_dump(copy)
        while not store.index.end or not store.report.complete:
            await store.read_more()
        assert store.index.end == 5
        await store.close()
    assert not copy.exists()
    async with growing_soth(dump) as same:
        assert same == (dump, [])


async def test_a_file_that_is_no_har_after_all_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "x.har").write_bytes(b'{"entries": []}')
    with pytest.raises(DumpError, match="is no HAR"):
        async with growing_soth(tmp_path / "x.har"):
            pass


def test_formats_are_known_by_name_and_by_what_is_in_the_file(dump: Path, tmp_path: Path) -> None:
    names = {"a.har": "har", "a.har.gz": "har", "A.ZHAR": "har", "a.flows": "mitm", "a.soth": "soth",
             "a.soth.gz": None, "a.ndjson": "jsonl", "a": None}  # fmt: skip
    assert {name: format_of_name(Path(name)) for name in names} == names
    assert format_of_start(b'\xef\xbb\xbf{"log"') == "har"
    assert format_of_start(b"4711:7:version;") == "mitm"
    assert format_of_start(b"12 apes") is None
    (tmp_path / "renamed.soth").write_bytes((tmp_path / "dump.har").read_bytes())
    assert format_of_file(tmp_path / "renamed.soth") == "har"
    assert format_of_file(dump) == "soth"
    dumps.convert(dump, tmp_path / "lines.jsonl", "jsonl")
    with pytest.raises(DumpError, match="holds JSON lines"):
        format_of_file(tmp_path / "lines.jsonl")


def test_two_runs_in_one_file_are_told_apart(tmp_path: Path) -> None:
    first, second = Stream(), Stream()
    for stream, host in ((first, "one.test"), (second, "two.test")):
        streams.begin(stream)
        flow = streams.https_exchange(stream, host=host)
        stream.add(e.Annotated("", f"said of {host}"), flow=flow)
    path = written(tmp_path / "both.soth", first, second)
    dumps.convert(path, tmp_path / "both.har", "har")
    entries = json.loads((tmp_path / "both.har").read_bytes())["log"]["entries"]
    assert [entry["comment"] for entry in entries] == ["said of one.test", "said of two.test"]
    assert len({entry["connection"] for entry in entries}) == 2
