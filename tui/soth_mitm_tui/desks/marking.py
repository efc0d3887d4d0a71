"""Marks, colours and comments of flows, and taking flows out of the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.model.annotation import COLOURS, COMMENT_LIMIT, MARK, AnnotationError
from soth_mitm.text import printable
from soth_mitm_tui.columns import TONES
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.screens.picker import Choice, PickerScreen
from soth_mitm_tui.screens.prompt import PromptScreen

if TYPE_CHECKING:
    from soth_mitm.model.annotation import Annotation
    from soth_mitm_tui.app import SothApp

UNDO_SECONDS: Final = 10.0
"""How long the app offers to undo a deletion; it can be undone as long as it is the last one."""

_DELETIONS: Final = 100
_OWN: Final = "own"
_NONE: Final = "none"


class Marking(Desk):
    """Says something about flows, and leaves flows out of the list."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self._deleted: list[list[int]] = []
        self.deeds = {
            "flow.mark": self._toggle,
            "flow.marker": self._choose,
            "flow.comment": self._comment,
            "list.mark-next": self._mark_and_go_on,
            "list.next-marked": lambda: self._go(1),
            "list.previous-marked": lambda: self._go(-1),
            "list.delete": self._delete,
            "list.undo": self._undo,
        }

    def reason_against(self, action_id: str) -> str:
        """Say what there is not."""
        if action_id == "list.undo":
            return "" if self._deleted else "Nothing was deleted"
        if action_id == "list.delete":
            return "" if self.main.list.cursor else "No flow is selected"
        if action_id in ("list.next-marked", "list.previous-marked"):
            return ""
        return "" if self.main.current_flow > 0 else "No flow is selected"

    # --- marks

    def _said(self, flow: int) -> Annotation:
        return self.app.index.annotation(flow)

    async def _say(
        self, flow: int, *, mark: str | None = None, comment: str | None = None, colour: str | None = None
    ) -> None:
        try:
            await self.app.control.annotate(flow, mark=mark, comment=comment, colour=colour)
        except AnnotationError as error:
            self.app.notify(printable(str(error), 300), severity="warning", markup=False, timeout=5)

    async def _toggle(self) -> None:
        flow = self.main.current_flow
        said = self._said(flow)
        marked = bool(said.mark or said.colour)
        await self._say(flow, mark="" if marked else MARK, colour="" if marked else None)

    async def _mark_and_go_on(self) -> None:
        await self._toggle()
        self.main.list.move(1)

    def _choose(self) -> None:
        flow = self.main.current_flow
        said = self._said(flow)
        choices = [
            *(Choice(colour, colour[0], colour, MARK, TONES.get(colour, "strong")) for colour in COLOURS),
            Choice(_OWN, "o", "another mark…"),
            Choice(_NONE, "n", "no mark and no colour"),
        ]

        async def chosen(name: str) -> None:
            if name == _OWN:
                self._ask_mark(flow, said.mark)
            elif name == _NONE:
                await self._say(flow, mark="", colour="")
            else:
                await self._say(flow, mark=said.mark or MARK, colour=name)

        self.app.push_screen(PickerScreen(f"Mark flow #{flow}", choices, chosen, current=said.colour))

    def _ask_mark(self, flow: int, before: str) -> None:
        async def keep(text: str) -> None:
            await self.app.control.annotate(flow, mark=text)

        self.app.push_screen(
            PromptScreen(f"Mark of flow #{flow}", keep, text=before, placeholder="a word, a sign or an emoji")
        )

    def _comment(self) -> None:
        flow = self.main.current_flow

        async def keep(text: str) -> None:
            await self.app.control.annotate(flow, comment=text)

        self.app.push_screen(
            PromptScreen(
                f"Comment on flow #{flow}",
                keep,
                text=self._said(flow).line,
                placeholder=f"at most {COMMENT_LIMIT:,} characters; empty removes it",
            )
        )

    def _go(self, step: int) -> None:
        if not self.main.list.go_to_marked(step):
            self.app.notify(
                "No flow in the list is marked: m marks one", severity="warning", markup=False, timeout=3
            )

    # --- deleting

    def _delete(self) -> None:
        flows = self.main.list.delete()
        if not flows:
            return
        self._deleted.append(flows)
        del self._deleted[:-_DELETIONS]
        count = f"Flow #{flows[0]}" if len(flows) == 1 else f"{len(flows):,} flows"
        self.app.notify(f"{count} deleted from the list · u undoes it", markup=False, timeout=UNDO_SECONDS)

    def _undo(self) -> None:
        self.main.list.put_back(self._deleted.pop())
