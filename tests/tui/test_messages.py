"""The messages of a flow in the app: live, filtered, one by one, large, hostile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from soth_mitm.model import events as e
from soth_mitm_tui.messages.summary import joined
from soth_mitm_tui.viewers.pages import MESSAGES
from tests.tui.cases import toasts
from tests.tui.cases_messages import current, in_messages, listed, page
from tests.tui.script import Script
from tests.tui.stage import Stage, stage
from tests.tui.talks import DOWN, UP, Talk, answer, call, chat, everything, hostile, lines


def summary(staged: Stage) -> str:
    """Return the line over the messages."""
    return listed(staged).split("\n")[0]


async def filtered(staged: Stage, text: str) -> None:
    """Filter the messages by a text."""
    await staged.press("slash")
    await staged.type(text)


# --- which tab is shown


async def test_a_flow_with_messages_is_opened_at_them_and_another_at_its_own_tab() -> None:
    def scene(script: Script) -> None:
        script.exchange("api.shop.test", "GET", "/", 200, "OK", body=b"{}")
        chat(script)

    async with stage(scene) as staged:
        detail = staged.main.detail
        await staged.press("g", "3")
        assert detail.tab == 2
        await staged.press("G")
        assert detail.tab == MESSAGES
        assert "Messages" in staged.shown(detail.tabs)
        await staged.press("g")
        assert detail.tab == 2
        assert "Messages" not in staged.shown(detail.tabs)


async def test_the_tab_that_was_chosen_for_such_flows_is_kept_for_the_next_one() -> None:
    def scene(script: Script) -> None:
        lines(script, count=3)
        chat(script)

    async with stage(scene) as staged:
        await staged.press("g", "enter")
        await staged.press("2")
        await staged.press("J")
        assert staged.main.detail.tab == 1
        assert staged.app.state.get("detail", "tab", 0) == 0


async def test_messages_that_begin_while_a_flow_is_looked_at_come_into_sight() -> None:
    script_flow: list[tuple[int, int]] = []

    def scene(script: Script) -> None:
        script_flow.append(script.event_stream(events=1))

    async with stage(scene) as staged:
        await staged.press("G")
        assert staged.main.detail.tab == 0
        conn, flow = script_flow[0]
        staged.script.wait(1)
        for body in (
            e.MessagesStarted(DOWN, e.MessageForm.SSE),
            e.MessageSeen(DOWN, 1, "message", 5, b"hello"),
        ):
            staged.script.publish(body, conn=conn, flow=flow)
        await staged.until(lambda: "hello" in listed(staged))
        assert staged.main.detail.tab == MESSAGES


# --- live


async def test_new_messages_are_followed_until_the_person_looks_elsewhere() -> None:
    talks: list[Talk] = []
    async with stage(lambda script: talks.append(answer(script, events=40))) as staged:
        await in_messages(staged)
        talks[0].event({"n": 1}, "one more")
        await staged.until(lambda: "one more" in listed(staged))
        assert current(staged) == 42
        await staged.press("k", "k")
        before = staged.main.detail.messages.list.top
        for number in range(12):
            talks[0].event({"n": number}, "below")
        await staged.until(lambda: "12 new below" in summary(staged))
        assert staged.main.detail.messages.list.top == before
        assert current(staged) == 40
        await staged.press("G")
        assert "follow" in summary(staged)
        assert current(staged) == 54


async def test_messages_stay_when_the_flow_has_ended() -> None:
    async with stage(lambda script: chat(script, ends=True), size=(120, 30)) as staged:
        await in_messages(staged)
        assert "closed by the server 1001 going away" in summary(staged)
        assert "follow" not in summary(staged)
        assert not staged.main.detail.messages.list.at_end
        assert "new below" not in summary(staged), "they came before anybody looked"
        await staged.press("g")
        assert "Ada" in listed(staged)


async def test_the_oldest_messages_go_and_what_is_in_sight_stays_there() -> None:
    talks: list[Talk] = []
    async with stage(lambda script: talks.append(answer(script, events=1500))) as staged:
        await in_messages(staged)
        flows = staged.main.detail.messages.list
        assert flows.model is not None
        flows.model.log.table.most = 600
        await staged.press("k")
        top = staged.shown(flows).split("\n")[0]
        for number in range(200):
            talks[0].event({"n": number})
        await staged.until(lambda: "the oldest" in summary(staged))
        assert flows.model.log.table.dropped > 1000
        assert staged.shown(flows).split("\n")[0] == top
        assert current(staged) == 1500


# --- what the summary says


async def test_the_summary_of_each_kind_says_what_matters() -> None:
    async with stage(everything, size=(150, 40)) as staged:
        await in_messages(staged)
        for words in ("WebSocket", "↑ 4 (126)", "turn 4 ↑0 ↓3", "1 dropped", "permessage-deflate"):
            assert words in summary(staged)
        await staged.press("K")
        assert "Event stream · 61 events (5.6k) · last id 60" in summary(staged)
        await staged.press("K")
        assert "gRPC · ↑ 1 (7)  ↓ 5 (40) · Cart/Watch" in summary(staged)
        await staged.press("K")
        assert "JSON lines · 30 lines (1.8k)" in summary(staged)


async def test_what_is_told_no_further_says_why() -> None:
    def scene(script: Script) -> None:
        talk = lines(script, count=2)
        talk.publish(e.MessagesStopped(DOWN, "message_too_long", "a line of more than 1 MiB\x1b[2J"))

    async with stage(scene) as staged:
        await in_messages(staged)
        assert "▲ told no further: a line of more than 1 MiB\\x1b[2J" in summary(staged)


async def test_a_message_on_its_way_is_told_as_far_as_it_has_come() -> None:
    def scene(script: Script) -> None:
        talk = chat(script)
        talk.publish(e.MessageChunk(UP, 13, 0, b"x" * 60_000))

    async with stage(scene, size=(150, 40)) as staged:
        await in_messages(staged)
        assert "60k of the next so far" in summary(staged)


def test_parts_of_the_summary_that_have_no_room_are_left_out() -> None:
    parts = [[("one", "text")], [("two two two", "text")], [("3", "text")]]
    assert "".join(text for text, _ in joined(parts, 9)) == "one · 3"


# --- the filter


@pytest.mark.parametrize(
    ("text", "count", "shown"),
    [
        ("label:ping", 1, "ping"),
        ("size:>1k", 1, "history"),
        ("is:injected", 1, "made here"),
        ("!label:text", 3, "binary"),
        ("gap:>1s", 2, "How do I copy"),
        ("/how do i .* table/", 1, "How do I copy"),
    ],
)
async def test_messages_are_filtered_by_what_they_are(text: str, count: int, shown: str) -> None:
    async with stage(chat) as staged:
        await in_messages(staged)
        await staged.press("slash")
        staged.main.detail.messages.bar.field.value = text
        await staged.until(lambda: f"{count:,} of 12 messages" in listed(staged))
        assert shown in listed(staged)


async def test_a_wrong_filter_says_so_and_hides_nothing() -> None:
    async with stage(chat) as staged:
        await in_messages(staged)
        await filtered(staged, "/a(/")
        assert "not a regular expression" in listed(staged)
        assert "welcome" in listed(staged)


async def test_a_filter_that_nothing_passes_says_how_to_go_back() -> None:
    async with stage(chat) as staged:
        await in_messages(staged)
        await filtered(staged, "nowhere")
        assert "No message passes the filter; esc clears it." in listed(staged)
        assert "0 of 12 messages" in listed(staged)


async def test_new_messages_are_judged_as_they_come_and_the_cursor_comes_back() -> None:
    talks: list[Talk] = []
    async with stage(lambda script: talks.append(chat(script))) as staged:
        await in_messages(staged)
        await staged.press("g", "j")
        await filtered(staged, "needle")
        assert "0 of 12 messages" in listed(staged)
        talks[0].say(DOWN, "hay")
        talks[0].say(DOWN, "hay with a needle")
        await staged.until(lambda: "1 of 14 messages" in listed(staged))
        await staged.press("escape")
        assert current(staged) == 2


async def test_an_expression_that_never_ends_is_given_up_with_the_filter() -> None:
    def scene(script: Script) -> None:
        talk = lines(script, count=1)
        talk.say(DOWN, b"a" * 40)

    async with stage(scene) as staged:
        await in_messages(staged)
        await staged.press("slash")
        staged.main.detail.messages.bar.field.value = "/(a|aa)+b$/"
        await staged.until(lambda: "to go" in listed(staged))
        staged.main.detail.messages.bar.field.value = "aaa"
        await staged.until(lambda: "1 of 2 lines" in listed(staged))


# --- one message


async def test_a_message_is_looked_at_like_a_body() -> None:
    async with stage(chat, size=(120, 60)) as staged:
        await in_messages(staged)
        await staged.press("enter")
        assert "Payload  json" in page(staged)
        await staged.press("j", "j", "j", "j", "z")
        assert "40 items" in page(staged)
        await staged.press("slash")
        await staged.type('"id": 17')
        await staged.until(lambda: "1 of 1" in staged.shown(staged.main.detail.search))
        await staged.press("enter", "n")
        assert "Message 12" in staged.main.detail.text.lines[0].text  # type: ignore[union-attr]
        await staged.press("escape", "v", "v", "v")
        assert "7b 22 68 69" in page(staged)


async def test_through_a_filter_the_next_message_is_the_next_one_that_is_shown() -> None:
    async with stage(chat) as staged:
        await in_messages(staged)
        await filtered(staged, "type")
        await staged.press("enter", "g", "enter", "n", "n", "n")
        assert "Message 4" in page(staged)
        await staged.press("n")
        assert "Message 9" in page(staged)


async def test_a_websocket_to_a_model_is_shown_as_what_was_said_and_grows() -> None:
    talks: list[Talk] = []

    def scene(script: Script) -> None:
        talk = Talk(script, e.MessageForm.WEBSOCKET, "api.llm.test", "/v1/realtime?model=m-1", both=True)
        talk.say(DOWN, '{"type":"session.created","session":{"model":"m-1"}}')
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello?"}]}
        talk.say(UP, json.dumps({"type": "conversation.item.create", "item": item}))
        talk.say(UP, '{"type":"response.create"}')
        talks.append(talk)

    async with stage(scene, size=(120, 40)) as staged:
        await staged.press("g", "3")
        await staged.until(lambda: "Hello?" in page(staged))
        assert "OpenAI Realtime, by its path" in page(staged)
        talks[0].say(DOWN, '{"type":"response.created","response":{"id":"r"}}')
        spoken = {"type": "response.output_audio_transcript.delta", "output_index": 0, "delta": "Good day."}
        talks[0].say(DOWN, json.dumps(spoken))
        await staged.until(lambda: "Good day." in page(staged))


async def test_facts_of_a_message_are_all_there() -> None:
    async with stage(chat) as staged:
        await in_messages(staged)
        await staged.press("g", "j", "enter")
        for words in ("53 bytes · 46 on the wire · was compressed", " · +20ms"):
            assert words in page(staged)
        await staged.press(*"nnnnnn")
        assert "3 frames" in page(staged)
        assert "00 01 02" in page(staged)
        await staged.press("n")
        assert "dropped here: it was not sent on" in page(staged)
        await staged.press(*"ppp")
        assert "Payload  empty" in page(staged)


async def test_a_payload_that_was_not_recorded_says_so() -> None:
    def scene(script: Script) -> None:
        talk = lines(script, count=1)
        talk.publish(e.MessageSeen(DOWN, 2, "json", 900, cut=True))

    async with stage(scene) as staged:
        await in_messages(staged)
        assert "not recorded" in listed(staged)
        await staged.press("enter")
        assert "a limit left a part of the payload out of the record" in page(staged)
        assert "not recorded, or no longer in the record" in page(staged)


async def test_a_message_of_a_call_is_protobuf_even_where_it_looks_like_text() -> None:
    def scene(script: Script) -> None:
        talk = call(script)
        talk.say(DOWN, b"\x0a\x20" + b"0123456789abcdef" * 2, "message")
        talk.say(DOWN, b"grpc-status: 0\r\n", "trailers")

    async with stage(scene) as staged:
        await in_messages(staged)
        await staged.press("G", "enter")
        assert "Payload  text" in page(staged)
        await staged.press("p")
        assert "Payload  protobuf" in page(staged)
        assert '1: "0123456789abcdef0123456789abcdef"' in page(staged)


# --- hostile and large


async def test_nothing_in_a_message_commands_the_terminal() -> None:
    async with stage(hostile) as staged:
        await in_messages(staged)
        await staged.press("g")
        for keys in ((), ("enter",), *(("n",),) * 4):
            await staged.press(*keys)
            assert all(char.isprintable() or char == "\n" for char in staged.shown())
        assert staged.app.is_running
        assert staged.main.detail.text.failure is None
        assert staged.main.detail.messages.list.failure is None


async def test_a_message_of_a_megabyte_is_read_by_another_process() -> None:
    async with stage(hostile) as staged:
        await in_messages(staged)
        await staged.press("g", "j", "j", "j", "enter")
        await staged.until(lambda: "Payload  json · 1.0M bytes" in page(staged))
        assert '"big": "xxx' in page(staged)
        await staged.press("y", "t")
        assert "has 1.0M bytes; w saves it" in toasts(staged)


# --- copying and saving


async def test_what_is_shown_is_copied_as_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(chat) as staged:
        copied: list[str] = []

        async def put(what: str, text: str) -> None:
            copied.append(text)

        monkeypatch.setattr(staged.app.copying, "put", put)
        await in_messages(staged)
        await filtered(staged, "notice")
        await staged.press("enter", "y", "a")
        await staged.until(lambda: copied)
        first, second = (json.loads(line) for line in copied[0].splitlines())
        assert (first["number"], first["origin"], first["direction"]) == (10, "changed", "response")
        assert first["time"].endswith("Z")
        assert json.loads(second["text"])["text"] == "this one was made here"
        for key, wanted in (("j", '{\n  "type": "notice",'), ("b", "eyJ0eXBlIjoi"), ("h", "7b 22")):
            copied.clear()
            await staged.press("y", key)
            await staged.until(lambda: copied)
            assert wanted in copied[0]


async def test_messages_and_payloads_are_saved_to_files(tmp_path: Path) -> None:
    async with stage(hostile) as staged:
        await in_messages(staged)
        await staged.press("g", "j", "j", "j", "w")
        staged.screen.query_one("#save-path").value = str(tmp_path / "all.jsonl")  # type: ignore[attr-defined]
        await staged.press("enter")
        await staged.until(lambda: (tmp_path / "all.jsonl").exists())
        records = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
        assert [record["number"] for record in records] == [1, 2, 3, 4, 5]
        assert len(records[3]["text"]) == records[3]["size"] == 1_000_011
        assert "base64" in records[0]
        await staged.press("enter")
        await staged.press("ctrl+s")
        staged.screen.query_one("#save-path").value = str(tmp_path / "one")  # type: ignore[attr-defined]
        await staged.press("enter")
        await staged.until(lambda: (tmp_path / "one").exists())
        assert (tmp_path / "one").stat().st_size == 1_000_011
