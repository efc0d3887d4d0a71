"""What is done to the flow that is looked at: the one in the detail, or the one under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.text import printable
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.pages.checks import check_entries
from soth_mitm_tui.screens.page import PageScreen

if TYPE_CHECKING:
    from soth_mitm.model.checks import Check
    from soth_mitm.record.rows import Row
    from soth_mitm_tui.app import SothApp

NO_PROXY: Final = "This is a file: no proxy runs"
NOTHING_TO_END: Final = "This is a file: no flow of it can be ended"


class Flows(Desk):
    """Acts on one flow."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self.deeds = {
            "flow.kill": self._kill,
            "flow.intercept-again": self._intercept_again,
            "flow.probe": self._probe,
        }

    @property
    def row(self) -> Row | None:
        """The row of the flow that is looked at; None for none."""
        flow = self.main.current_flow
        return self.main.model.row_of(flow) if flow else None

    def reason_against(self, action_id: str) -> str:
        """Say why the flow cannot be acted on."""
        row = self.row
        if row is None:
            return "No flow is selected"
        if action_id == "flow.kill":
            if self.app.read_only:
                return NOTHING_TO_END
            if not row.open:
                return "This flow has ended already"
        if action_id == "flow.intercept-again":
            if self.app.read_only:
                return NO_PROXY
            if row.kind != "tunnel":
                return "This flow does not pass through"
        if action_id == "flow.probe":
            if self.app.probe is None:
                return "This is a file: soth-mitm doctor --probe HOST asks a server"
            if not row.host or row.scheme == "http":
                return "This flow has no server that speaks TLS"
        return ""

    async def _kill(self) -> None:
        flow = self.main.current_flow
        try:
            killed = await self.app.control.kill(flow)
        except Exception as error:
            self.app.notify(
                printable(f"The flow could not be ended: {error}", 300), severity="error", markup=False
            )
        else:
            said = "ended: both sides are closed" if killed else "had ended already"
            self.app.notify(f"Flow #{flow} {said}", markup=False, timeout=3)

    async def _intercept_again(self) -> None:
        row = self.row
        assert row is not None, "there is one, or the action would not have come this far"
        host = row.sni or row.host
        if await self.app.control.forget_passthrough(host):
            said = f"{host} is intercepted again, from its next connection on"
        else:
            said = f"{host} does not pass through because of refusals: the overview says why it does"
        self.app.notify(said, markup=False, timeout=5)

    async def _probe(self) -> None:
        row, probe = self.row, self.app.probe
        assert row is not None, "there is one, or the action would not have come this far"
        assert probe is not None, "likewise"
        host, port = row.host, row.port or 443
        checks: list[Check] = []
        done = False
        title = f"Server {host} port {port}"
        self.app.push_screen(
            PageScreen(title, lambda width: check_entries(checks, width, done=done), name="probe")
        )
        async for check in probe(self.app.config, host, port):
            checks.append(check)  # noqa: PERF401 - each is shown as it comes
        done = True
