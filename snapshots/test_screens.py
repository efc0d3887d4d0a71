"""How the app looks. Read a changed picture as a person would, before it becomes the new baseline."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from soth_mitm_tui.state import State
from tests.tui.script import Script
from tests.tui.stage import Stage, stage

SMALL, USUAL, LARGE = (80, 24), (120, 40), (180, 50)
BOTH = pytest.mark.parametrize("size", [SMALL, USUAL], ids=["80x24", "120x40"])


def drawn(staged: Stage) -> str:
    """Return the screen as SVG."""
    return staged.app.export_screenshot(title="soth-mitm")


def thousands(script: Script) -> None:
    """Play 12,000 exchanges."""
    hosts = ("api.shop.test", "cdn.shop.test", "img.shop.test")
    conns = [script.connect(host) for host in hosts]
    for number in range(12_000):
        host, conn = hosts[number % 3], conns[number % 3]
        status, reason = ((200, "OK"), (304, "Not Modified"), (404, "Not Found"))[(number // 7) % 3]
        script.exchange(host, "GET", f"/item/{number}", status, reason, conn=conn, body=b"x" * (number % 900))


def wide(script: Script) -> None:
    """Play exchanges whose text takes two cells a character, or joins several characters to one."""
    texts = (
        "価格は千円です。",
        "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL} family, \N{RAISED FIST}"
        "\N{EMOJI MODIFIER FITZPATRICK TYPE-4} fist",
        "한국어 텍스트",
        "שלום עולם",
        "e\u0301 a\u0308",
    )
    for number, text in enumerate(texts):
        script.exchange(
            "wide.shop.test",
            "GET",
            f"/検索/{text}?n={number}",
            200,
            "好的",
            body=f'{{"text": "{text}", "number": {number}}}'.encode(),
            content_type="application/json",
        )


@pytest.mark.parametrize("size", [SMALL, USUAL, LARGE], ids=["80x24", "120x40", "180x50"])
async def test_the_main_screen_shows_flows_while_they_stream(
    size: tuple[int, int], picture: SnapshotAssertion
) -> None:
    """A mixed quarter of a minute: done, failed, refused, tunnelled, waiting and streaming."""
    async with stage(size=size) as staged:
        await staged.press("j", "j", "j", "j", "j")
        assert drawn(staged) == picture


@BOTH
async def test_a_stream_of_events_is_shown_while_it_streams(
    size: tuple[int, int], picture: SnapshotAssertion
) -> None:
    """Server-sent events, followed at their end."""
    async with stage(lambda script: script.event_stream(events=40), size=size) as staged:
        await staged.press("enter", "3")
        await staged.press("G")
        assert drawn(staged) == picture


@BOTH
async def test_a_refused_certificate_says_why_and_what_to_do(
    size: tuple[int, int], picture: SnapshotAssertion
) -> None:
    """The overview of a client that does not trust the CA."""
    async with stage(size=size) as staged:
        await staged.press("j", "j", "j", "enter")
        assert drawn(staged) == picture


@BOTH
async def test_the_overview_shows_connections_and_times(
    size: tuple[int, int], picture: SnapshotAssertion
) -> None:
    """The overview of an exchange on a fresh connection, as tall as the screen allows."""
    async with stage(size=size) as staged:
        await staged.press("enter", "backslash")
        assert drawn(staged) == picture


@BOTH
async def test_the_setup_card_waits_for_a_first_connection(
    size: tuple[int, int], picture: SnapshotAssertion
) -> None:
    """Nothing has been seen yet."""
    async with stage(lambda script: None, size=size) as staged:
        assert drawn(staged) == picture


async def test_the_setup_card_turns_green(picture: SnapshotAssertion) -> None:
    """The card over the list, after traffic was decrypted."""
    async with stage() as staged:
        await staged.press("S")
        assert drawn(staged) == picture


@BOTH
async def test_a_filter_without_a_match_says_so(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """A valid filter that nothing matches."""
    async with stage(size=size) as staged:
        await staged.press("slash")
        await staged.type("nowhere post")
        assert drawn(staged) == picture


async def test_a_wrong_filter_says_where(picture: SnapshotAssertion) -> None:
    """A regular expression that is none leaves the list as it was."""
    async with stage(size=SMALL) as staged:
        await staged.press("slash")
        await staged.type("shop /a(/")
        assert drawn(staged) == picture


@BOTH
async def test_hostile_text_is_shown_and_not_obeyed(
    size: tuple[int, int], picture: SnapshotAssertion
) -> None:
    """Control sequences, bidirectional marks and markup in every place that a peer can fill."""
    async with stage(lambda script: script.hostile(), size=size) as staged:
        await staged.press("enter", "3")
        assert drawn(staged) == picture


async def test_twelve_thousand_flows(picture: SnapshotAssertion) -> None:
    """A long list, left at its end, with rows that came below."""
    async with stage(thousands) as staged:
        await staged.press("k")
        staged.script.everyday()
        await staged.settle()
        assert drawn(staged) == picture


async def test_the_light_theme(picture: SnapshotAssertion) -> None:
    """The main screen on a light ground."""
    async with stage(light=True) as staged:
        await staged.press("j", "j", "j", "j", "j", "3")
        assert drawn(staged) == picture


async def test_without_colour_every_state_still_has_a_sign(
    monkeypatch: pytest.MonkeyPatch, picture: SnapshotAssertion
) -> None:
    """NO_COLOR is set."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with stage() as staged:
        await staged.press("j", "j", "j")
        assert drawn(staged) == picture


@pytest.mark.parametrize("theme", ["soth-contrast", "soth-ansi"])
async def test_the_other_themes(theme: str, picture: SnapshotAssertion) -> None:
    """High contrast, and the sixteen colours of the terminal itself."""
    state = State()
    state.set("look", "theme", theme)
    async with stage(state=state) as staged:
        await staged.press("j", "j", "j", "j", "j", "3")
        assert drawn(staged) == picture


async def test_wide_characters_keep_the_columns_aligned(picture: SnapshotAssertion) -> None:
    """Chinese, Japanese and Korean text, emoji of one and of more code points, right-to-left letters."""
    async with stage(wide) as staged:
        await staged.press("j", "3")
        assert drawn(staged) == picture


async def test_a_pane_that_fails_shows_a_card(picture: SnapshotAssertion) -> None:
    """The detail cannot be drawn; the rest goes on."""
    async with stage() as staged:
        staged.main.detail.text.fail(RuntimeError("no such thing"))
        await staged.pilot.pause()
        assert drawn(staged) == picture


async def test_stopping_counts_down(picture: SnapshotAssertion) -> None:
    """The status bar while the proxy is being drained."""
    async with stage() as staged:
        staged.control.stuck = True
        await staged.press("q")
        await staged.until(lambda: "stopping" in staged.shown())
        assert drawn(staged) == picture
