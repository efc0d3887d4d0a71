"""Calls to language models on the screens: in the list, in the overview of one, and added up."""

from __future__ import annotations

import json
from functools import partial

import pytest

from soth_mitm.cli.demo import dialects, sessions
from soth_mitm.cli.demo.dialects import SECOND, WAYS
from soth_mitm.model import events as e
from soth_mitm.policy.filters import compile_filter
from soth_mitm.record.callsums import CallSums
from soth_mitm_tui import calls
from soth_mitm_tui.columns import BY_ID, target
from soth_mitm_tui.viewers.pages import MESSAGES, RESPONSE
from tests.policy.filters.rows import call, row
from tests.tui.cases_messages import page
from tests.tui.script import Script
from tests.tui.stage import stage
from tests.tui.talks import Talk

_COLUMNS = ("model", "tokens_in", "tokens_cached", "tokens_out", "cost", "ttft", "rate", "stalls", "stop")


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (999, "999"), (1000, "1.0k"), (18_204, "18.2k"), (99_949, "99.9k"),
                        (99_950, "100k"), (999_499, "999k"), (999_500, "1.0M")],
)  # fmt: skip
def test_a_number_of_tokens_is_short(count: int, text: str) -> None:
    assert calls.short(count) == text


def test_behind_the_path_stand_the_model_its_tokens_and_what_is_wrong() -> None:
    def said(**changes: object) -> str:
        return "".join(text for text, _ in target(row(path="/v1/messages", form="sse", llm=call(**changes))))

    assert said() == "/v1/messages  claude-opus-5-5 18.2k→611 $0.0169"
    assert said(final=False, output_tokens=-1, cost=-1).endswith(" 18.2k→…")
    assert said(stop_reason="max_tokens", stalls=1, cost=-1).endswith("→611 1 stall max_tokens")
    assert said(complete=False, stop_reason="", error="overloaded").endswith("error")


def test_the_columns_say_the_numbers_and_lead_to_filters_that_find_them() -> None:
    one, other = row(llm=call()), row()
    shown = {name: "".join(text for text, _ in BY_ID[name].spans(one)) for name in _COLUMNS}
    assert list(shown.values()) == [
        "claude-opus-5-5", "18.2k", "17.9k", "611", "$0.0169", "662ms", "84", "0", "tool_use",
    ]  # fmt: skip
    for name in _COLUMNS:
        column = BY_ID[name]
        assert not "".join(text for text, _ in column.spans(other)).strip()
        assert column.key(one) != column.key(other)
        if column.term is not None:
            wanted = compile_filter(column.term(one))
            assert wanted(one), name
            assert not wanted(other), name
            assert not column.term(other)


def test_the_overview_says_all_that_is_known() -> None:
    said = [
        "".join(text for text, _ in line.spans) for line in calls.call_lines(call(stalls=1, written_tokens=7))
    ]
    text = "\n".join(said)
    for part in (
        "claude-opus-5-5 · Anthropic Messages", "18,204 · 17,920 from the cache (98%) · 7 into the cache",
        "$0.0169 · by the maker's list of 2026-11-29", "662ms to the first token · 84 tokens a second",
        "1 stall · longest 900ms", "tool_use",
    ):  # fmt: skip
        assert part in text
    assert calls.call_lines(None) == []


def test_the_models_of_a_run_are_added_up_the_dearest_first() -> None:
    sums = CallSums()
    for each in (
        call(model="cheap", cost=1_000_000),
        call(),
        call(),
        call(model="free", cost=-1, first_ns=-1),
    ):
        sums.add(each)
    entries = list(calls.model_entries(sums, 100))
    lines = ["".join(text for text, _ in entry.line.spans) for entry in entries]
    assert [text.split()[0] for text in lines[2:6]] == ["claude-opus-5-5", "cheap", "free", "all"]
    assert lines[2].split()[1:] == ["2", "36.4k", "35.8k", "1.2k", "$0.0339", "662ms", "84"]
    assert "–" in lines[4]
    assert "1 call without a known cost" in lines[6]
    assert list(calls.model_entries(CallSums(), 100)) == []


async def test_the_answer_of_a_model_is_opened_first_and_fills_as_it_arrives() -> None:
    talks: list[Talk] = []

    def scene(script: Script) -> None:
        talk = Talk(
            script,
            e.MessageForm.SSE,
            "llm.test",
            "/v1/messages",
            method="POST",
            content_type="text/event-stream",
        )
        talk.event({"type": "message_start", "message": {"model": "claude-opus-5-5"}}, "message_start")
        talks.append(talk)

    async with stage(scene, size=(120, 40)) as staged:
        await staged.press("G", "enter")
        assert staged.main.detail.tab == MESSAGES
        await staged.press("escape")
        (talk,) = talks
        for said in ("Good day, ", "and good luck."):
            delta = {"type": "text_delta", "text": said}
            talk.event({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")
            talk.publish(e.LlmFacts("Anthropic Messages", "claude-opus-5-5", first_ns=1_000_000))
        await staged.until(lambda: "Good day, and good luck." in page(staged))
        assert staged.main.detail.tab == RESPONSE
        await staged.press("1")
        await staged.until(lambda: "to the first token" in page(staged))


async def test_the_pane_fills_while_a_websocket_goes_on_and_its_last_two_turns_are_compared() -> None:
    talks: list[Talk] = []

    def scene(script: Script) -> None:
        path = WAYS["responses"].path
        talks.append(Talk(script, e.MessageForm.WEBSOCKET, "llm.test", path, both=True))

    async with stage(scene, size=(120, 40)) as staged:

        def said(words: str) -> bool:
            return words in page(staged)

        (talk,), (step,) = talks, sessions.SESSIONS["turns"].steps
        for again, early, last in ((False, "They ask", "Paris"), (True, "Yes: twelve are", "Friday?")):
            talk.say(e.Direction.REQUEST, json.dumps(step.says[again]))
            events = dialects.response_events(again)
            for number, event in enumerate(events):
                talk.say(e.Direction.RESPONSE, json.dumps(event))
                if number == len(events) // 2:
                    await staged.press("escape", "G", "enter", "3", "G")
                    await staged.until(partial(said, early))
                    assert last not in page(staged)
        await staged.settle()
        await staged.until(lambda: f"{SECOND.output} tokens out" in page(staged))
        await staged.press("escape", "t")
        await staged.until(lambda: "all of the earlier prompt is the same" in staged.shown())
        for words in ("turn before", "last turn", "stock", "Calls of tools and their results"):
            assert words in staged.shown()
