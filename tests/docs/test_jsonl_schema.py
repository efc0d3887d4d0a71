"""docs/jsonl.schema.json describes the objects of JSON lines; to write it anew:

.venv/bin/python tests/docs/test_jsonl_schema.py > docs/jsonl.schema.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec

from soth_mitm.export.jsonl import VERSION, AnnotationRecord, FlowRecord
from soth_mitm.model import events as e
from tests.export.printing import objects_of
from tests.helpers import streams
from tests.helpers.dumps import websocket
from tests.helpers.streams import Stream

FILE = Path(__file__).parents[2] / "docs" / "jsonl.schema.json"


def schema() -> dict[str, Any]:
    """Return the schema of a line."""
    (flow, said), parts = msgspec.json.schema_components(
        (FlowRecord, AnnotationRecord), ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A line of soth-mitm's JSON lines, version {VERSION}",
        "anyOf": [flow, said],
        "$defs": parts,
    }


def test_the_schema_is_that_of_the_structs() -> None:
    assert json.loads(FILE.read_text(encoding="utf-8")) == schema(), __doc__


def test_every_line_is_as_the_schema_says() -> None:
    stream = Stream()
    flow = streams.https_exchange(stream)
    streams.everything(stream)
    streams.told_sse(stream)
    websocket(stream)
    stream.add(e.Annotated("!", "said later"), flow=flow)
    validator = jsonschema.Draft202012Validator(schema())
    lines = objects_of(stream, detail=2)
    assert len(lines) > 10
    for line in lines:
        validator.validate(line)
    assert not validator.is_valid({"v": 1, "flow": "1"})


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
