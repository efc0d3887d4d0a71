"""MCP and other JSON-RPC as bodies: each message under a heading with its method, tool and id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from soth_mitm.decode import nested
from soth_mitm.decode.about import About
from soth_mitm.decode.llm import mcp
from soth_mitm.decode.llm.loose import as_json, fields, items, number, text, value_of
from soth_mitm.decode.llm.mcp import Calls, Told, What
from soth_mitm.decode.outline import Outline
from soth_mitm.decode.views import NotThis, Stepped
from soth_mitm.proto.splitting import Part
from soth_mitm.proto.sse import SseSplitter
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.decode.registry import Given

_JSON: Final = About(b"application/json", form="json")
_TEXT: Final = About(b"text/plain")
_MOST_ITEMS: Final = 1000
"""Parts of one result that are shown."""


class McpView(Stepped):
    """A `View` of messages of JSON-RPC, alone, in a batch, or as the events of a stream."""

    step = 16 * 1024

    def __init__(self, given: Given) -> None:
        super().__init__()
        self._given = given
        self._outline = Outline(many=True)
        self.folds = self._outline.folds
        self._events = given.about.media_type == b"text/event-stream"
        self._splitter = SseSplitter()
        self._kept = nested.Kept()
        self._calls = Calls()
        if given.about.asked:
            self._calls.take(value_of(given.about.asked))
        self._count = 0

    def work(self, data: bytes, *, final: bool) -> Iterator[str]:
        """See `Stepped`."""
        if self._events:
            yield from self._streamed(data)
        else:
            self._kept.add(data)
            if final:
                yield from self._body(*self._kept.take(), label="")
        if final:
            if not self._count:
                raise NotThis("no message of JSON-RPC")
            self._outline.finish()
            yield self._outline.take()

    def rest(self) -> Iterator[str]:
        """See `Stepped`."""
        if not self._count:
            raise NotThis("not all of the message is there")
        self._outline.say("# what was recorded ends here")
        self._outline.finish()
        yield self._outline.take()

    def _streamed(self, data: bytes) -> Iterator[str]:
        for item in self._splitter.feed(data):
            self._kept.add(item.data)
            if not isinstance(item, Part):
                yield from self._body(*self._kept.take(), label=item.label)

    def _body(self, data: bytes, whole: bool, *, label: str) -> Iterator[str]:
        if label == mcp.ENDPOINT:
            self._count += 1
            self._outline.section("● endpoint", f"message {self._count}")
            self._outline.block(printable(data, 2000))
            self._outline.close()
            yield self._outline.take()
            return
        value = value_of(data) if whole else None
        if not isinstance(value, dict | list):
            if not self._events:
                raise NotThis("no JSON" if whole else f"longer than {nested.LONGEST:,} bytes")
            self._outline.say(f"# an event that is no message: {len(data):,} bytes")
            return
        for told in self._calls.take(value):
            if not self._events and told.what is What.OTHER and not self._count:
                raise NotThis("no message of JSON-RPC")
            for _ in self._message(told):
                yield self._outline.take()
        yield self._outline.take()

    def _message(self, told: Told) -> Iterator[None]:
        self._count += 1
        self._outline.section("● " + " · ".join(_heading(told)), f"message {self._count}")
        value = fields(told.value)
        if told.what is What.RESULT and told.method in ("tools/call", "prompts/get", "resources/read"):
            yield from self._result(value)
        elif told.what is What.RESULT and told.method == "tools/list":
            yield from self._tools(value)
        elif told.what is What.REQUEST and told.name and "arguments" in value:
            yield from self._value(value["arguments"])
            yield from self._others(value, "name", "arguments")
        elif told.value not in (None, {}):
            yield from self._value(told.value)
        self._outline.close()
        yield

    def _result(self, value: dict[str, object]) -> Iterator[None]:
        """Show what a tool, a prompt or a resource gave."""
        parts = items(value.get("content")) or items(value.get("contents")) or items(value.get("messages"))
        for each in parts[:_MOST_ITEMS]:
            yield from self._part(fields(each))
        if len(parts) > _MOST_ITEMS:
            self._outline.say(f"# {len(parts) - _MOST_ITEMS:,} more parts are not shown")
        if "structuredContent" in value:
            self._outline.section("● structured", "structured")
            yield from self._value(value["structuredContent"])
            self._outline.close()
        yield from self._others(
            value, "content", "contents", "messages", "structuredContent", "isError", "resultType"
        )

    def _part(self, part: dict[str, object]) -> Iterator[None]:
        content = fields(part.get("content")) or fields(part.get("resource"))
        words = [text(part.get("role")), text(part.get("type") or content.get("type"))]
        part = content or part
        words += [text(part.get("name")), text(part.get("uri")), text(part.get("mimeType"))]
        said = part.get("text")
        data = text(part.get("data")) or text(part.get("blob"))
        if data:
            words.append(f"{len(data):,} characters of base64")
        heading = " · ".join(printable(word, 200) for word in words if word) or "part"
        self._outline.section(f"● {heading}", heading.split(" ")[0])
        if isinstance(said, str) and said:
            looks_json = isinstance(value_of(said.encode("utf-8", "surrogatepass")), dict | list)
            about = _JSON if looks_json else _TEXT
            yield from nested.tell(self._outline, said.encode("utf-8", "replace"), about, self._given)
        self._outline.close()
        yield

    def _tools(self, value: dict[str, object]) -> Iterator[None]:
        tools = items(value.get("tools"))
        for each in tools[:_MOST_ITEMS]:
            tool = fields(each)
            self._outline.section(f"● {printable(mcp.signature(tool), 1000)}", "tool")
            described = text(tool.get("description")).strip()
            if described:
                about = described.encode("utf-8", "replace")
                yield from nested.tell(self._outline, about, _TEXT, self._given)
            self._outline.close()
            yield
        if len(tools) > _MOST_ITEMS:
            self._outline.say(f"# {len(tools) - _MOST_ITEMS:,} more tools are not shown")
        yield from self._others(value, "tools")

    def _others(self, value: dict[str, object], *known: str) -> Iterator[None]:
        rest = {name: each for name, each in value.items() if name not in known}
        if rest:
            yield from self._value(rest)

    def _value(self, value: object) -> Iterator[None]:
        said = value if isinstance(value, str) else as_json(value)
        yield from nested.tell(self._outline, said.encode("utf-8", "replace"), _JSON, self._given)


def _heading(told: Told) -> Iterator[str]:
    value = fields(told.value)
    if told.what is What.RESULT:
        yield "failed" if told.failed else "result"
    elif told.what is What.ERROR:
        code = number(value.get("code"))
        yield (
            f"error {value.get('code')}"
            if code is not None or isinstance(value.get("code"), int)
            else "error"
        )
    if told.method:
        yield (
            printable(told.method, 80)
            if told.joined or told.what not in (What.RESULT, What.ERROR)
            else (f"as of {told.method}")
        )
    elif told.what is What.OTHER:
        yield "no message of JSON-RPC"
    if told.name:
        yield printable(told.name, 200)
    if told.id:
        yield f"id {printable(told.id, 80)}"
