"""What a body is shown as, where the person knows better than its type and its looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.decode.registry import OFFERED
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.screens.picker import Choice, PickerScreen
from soth_mitm_tui.viewers.showing import AUTO

if TYPE_CHECKING:
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.widgets.detail import Detail

_ALWAYS: Final = "always"
_FORGET: Final = "forget"
_LETTERS: Final = "bcdefghimnoprstuvwxyz0123456789"


class Decoding(Desk):
    """Offers the decoders for the body that is looked at."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self.deeds = {"detail.decoder": self._choose}

    @property
    def detail(self) -> Detail:
        """The detail."""
        return self.main.detail

    def reason_against(self, action_id: str) -> str:
        """Say why there is nothing to choose."""
        if self.detail.pages.about is None:
            return "There is no body here that could be shown as something else"
        return ""

    def _choose(self) -> None:
        flow, about, showing = self.detail.flow, self.detail.pages.about, self.detail.pages.showing
        if about is None:
            return
        kind, own, general = showing.kind_of(about), showing.for_flow(flow, about), showing.for_kind(about)
        choices = [Choice(AUTO, "a", "what its type and looks say")]
        for decoder, letter in zip(OFFERED, _LETTERS, strict=False):
            sign = "●" if decoder.name == (own or general) else " "
            choices.append(
                Choice(decoder.name, letter, f"{decoder.name:<12} {decoder.title}", sign, "accent")
            )
        if own not in ("", AUTO, general):
            choices.append(Choice(_ALWAYS, "+", f"always {own} for {kind}"))
        if general:
            choices.append(Choice(_FORGET, "-", f"no longer {general} for all of {kind}"))

        async def chosen(name: str) -> None:
            if name == _FORGET:
                showing.choose_for_kind(about, "")
            elif name == _ALWAYS:
                showing.choose_for_kind(about, own)
            else:
                showing.choose(flow, about, name)
            self.detail.refresh_page()

        self.app.push_screen(PickerScreen("Show the body as", choices, chosen, current=own or general))
