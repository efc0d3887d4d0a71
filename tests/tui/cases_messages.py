"""The actions of the list of messages, of its filter, and of one message."""

from __future__ import annotations

from soth_mitm_tui.actions import Action
from soth_mitm_tui.actions.messages import MESSAGE_ACTIONS, MESSAGES_ACTIONS, SIFT_ACTIONS
from soth_mitm_tui.screens.picker import PickerScreen
from soth_mitm_tui.screens.save import SaveScreen
from soth_mitm_tui.viewers.pages import MESSAGES
from tests.tui.cases import CASES, SCENES, case, toasts
from tests.tui.script import Script
from tests.tui.stage import Stage
from tests.tui.talks import answer, chat

__all__ = ["CASES", "SCENES", "in_messages"]


def talking(script: Script) -> None:
    """Play a chat of twelve messages, and before it a flow without any."""
    script.exchange("api.shop.test", "GET", "/", 200, "OK")
    chat(script)


def long(script: Script) -> None:
    """Play a stream of more events than a page has."""
    answer(script, events=120)


for _action in (*MESSAGES_ACTIONS, *MESSAGE_ACTIONS, *SIFT_ACTIONS):
    SCENES[_action.id] = long if _action.group == "Move" and _action.pane == "messages" else talking
SCENES["detail.messages"] = SCENES["list.messages"] = talking


async def in_messages(staged: Stage) -> None:
    """Go into the messages of the newest flow."""
    await staged.press("G", "enter")
    assert staged.main.detail.messages.list.has_focus


def listed(staged: Stage) -> str:
    """Return what the list of messages shows."""
    return staged.shown(staged.main.detail.messages)


def current(staged: Stage) -> int:
    """Return the number of the message under the cursor."""
    return staged.main.detail.messages.list.cursor + 1


async def opened(staged: Stage, *keys: str) -> None:
    """Open the message that some keys go to."""
    await in_messages(staged)
    await staged.press(*keys, "enter")
    assert staged.main.detail.text.has_focus


def page(staged: Stage) -> str:
    """Return what the viewer shows."""
    return staged.shown(staged.main.detail.text)


# --- tabs


@case("detail.messages")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press("3")
    assert staged.main.detail.text.has_focus
    await staged.press(key)
    assert staged.main.detail.tab == MESSAGES
    assert staged.main.detail.messages.list.has_focus
    await staged.press("K")
    await staged.press(key)
    assert "This flow has no messages" in toasts(staged)


@case("list.messages")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("G", "1")
    assert staged.main.detail.tab == 0
    await staged.press(key)
    assert staged.main.detail.tab == MESSAGES
    await staged.press("k")
    await staged.press(key)
    assert "This flow has no messages" in toasts(staged)


# --- the list


@case("messages.open")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press("g", key)
    assert "Message 1  ↑ from the client · text" in page(staged)
    assert '"name": "Ada"' in page(staged)


@case("messages.filter")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press(key)
    await staged.type("notice")
    assert "2 of 12 messages" in listed(staged)
    assert "made here" in listed(staged)
    assert "welcome" not in listed(staged)


@case("messages.direction")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press(key)
    assert "4 of 12 messages" in listed(staged)
    assert "↓ server" not in listed(staged)
    await staged.press(key)
    assert "8 of 12 messages" in listed(staged)
    assert "↑ client" not in listed(staged)
    await staged.press(key)
    assert not staged.main.detail.messages.bar.is_open


@case("messages.follow")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press(key)
    assert not staged.main.detail.messages.list.following
    assert "follow" not in listed(staged)
    await staged.press(key)
    assert "follow" in listed(staged)


@case("messages.copy")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press("g", key)
    assert isinstance(staged.screen, PickerScreen)
    assert "Copy of message 1" in staged.shown()
    await staged.press("t")
    await staged.until(lambda: "Copied message 1, 42 bytes" in toasts(staged))


@case("messages.save")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press("g", key)
    screen = staged.screen
    assert isinstance(screen, SaveScreen)
    assert screen.scope.id == "messages"
    assert "12 as JSON lines" in staged.shown()
    await staged.press("escape")


@case("messages.down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press("g", key)
    assert current(staged) == 2


@case("messages.up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press(key)
    assert current(staged) == 120
    assert not staged.main.detail.messages.list.following


@case("messages.first")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press(key)
    assert current(staged) == 1
    assert "message_start" in listed(staged)


@case("messages.last")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press("g", key)
    assert current(staged) == 121
    assert staged.main.detail.messages.list.following


@case("messages.half-down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press("g", key)
    assert current(staged) == 1 + staged.main.detail.messages.list.page // 2


@case("messages.half-up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press(key)
    await staged.until(lambda: current(staged) == 121 - staged.main.detail.messages.list.page // 2)


@case("messages.page-down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press("g", key)
    await staged.until(lambda: current(staged) == 1 + staged.main.detail.messages.list.page)


@case("messages.page-up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press(key)
    await staged.until(lambda: current(staged) == 121 - staged.main.detail.messages.list.page)


# --- one message


@case("message.next")
async def _(staged: Stage, action: Action, key: str) -> None:
    await opened(staged, "g")
    await staged.press(key)
    assert "Message 2  ↓ from the server" in page(staged)
    assert '"Grace"' in page(staged)
    await staged.press(*[key] * 10)
    assert "Message 12" in page(staged)
    await staged.press(key)
    assert "This is the last message" in toasts(staged)


@case("message.previous")
async def _(staged: Stage, action: Action, key: str) -> None:
    await opened(staged, "g", "j")
    await staged.press(key)
    assert "Message 1  " in page(staged)
    await staged.press(key)
    assert "This is the first message" in toasts(staged)


@case("message.copy")
async def _(staged: Stage, action: Action, key: str) -> None:
    await opened(staged, "g")
    await staged.press("G", "V", key)
    await staged.until(lambda: "Copied the selection, 1 byte" in toasts(staged))
    await staged.press("escape", "k", key)
    assert "value of $.name" in staged.shown()
    await staged.press("v")
    await staged.until(lambda: "Copied $.name, 5 bytes" in toasts(staged))


@case("message.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    await opened(staged, "g", "j")
    await staged.press(key)
    assert staged.main.detail.messages.list.has_focus
    assert current(staged) == 2
    await staged.press(key)
    assert staged.main.list.has_focus


# --- the filter


@case("sift.accept")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press("slash")
    await staged.type("secret")
    await staged.press(key)
    assert staged.main.detail.messages.list.has_focus
    assert "1 of 12 messages" in listed(staged)
    assert current(staged) == 9


@case("sift.clear")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_messages(staged)
    await staged.press("slash")
    await staged.type("secret")
    await staged.press(key)
    assert staged.main.detail.messages.list.has_focus
    assert "welcome" in listed(staged)
    assert not staged.main.detail.messages.bar.is_open
