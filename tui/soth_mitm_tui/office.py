"""All desks of the app: what the keys do that takes more than one pane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm_tui.desks.browsing import Browsing
from soth_mitm_tui.desks.cells import Cells
from soth_mitm_tui.desks.comparing import Comparing
from soth_mitm_tui.desks.composing import Composing
from soth_mitm_tui.desks.copying import Copying
from soth_mitm_tui.desks.debugging import Debugging
from soth_mitm_tui.desks.decoding import Decoding
from soth_mitm_tui.desks.editing import Editing
from soth_mitm_tui.desks.filtering import Filtering
from soth_mitm_tui.desks.flows import Flows
from soth_mitm_tui.desks.general import General
from soth_mitm_tui.desks.jumping import Jumping
from soth_mitm_tui.desks.leaving import Leaving
from soth_mitm_tui.desks.marking import Marking
from soth_mitm_tui.desks.messages import Messages
from soth_mitm_tui.desks.replaying import Replaying
from soth_mitm_tui.desks.ruling import Ruling
from soth_mitm_tui.desks.run import Run
from soth_mitm_tui.desks.saved import SavedDesk
from soth_mitm_tui.desks.saving import Saving
from soth_mitm_tui.desks.viewing import Viewing
from soth_mitm_tui.dispatch import Dispatcher

if TYPE_CHECKING:
    from soth_mitm_tui.app import SothApp


class Office(Dispatcher):
    """Carries out what keys ask for; the desks that others talk with have names here."""

    def __init__(self, app: SothApp) -> None:
        self.filtering = Filtering(app)
        self.leaving = Leaving(app)
        self.copying = Copying(app)
        self.saving = Saving(app)
        self.messages = Messages(app)
        self.debugging = Debugging(app)
        self.ruling = Ruling(app)
        self.editing = Editing(app)
        self.replaying = Replaying(app)
        self.comparing = Comparing(app)
        self.composing = Composing(app)
        named = (
            self.filtering, self.leaving, self.copying, self.saving, self.messages, self.debugging,
            self.ruling, self.editing, self.replaying, self.comparing, self.composing,
        )  # fmt: skip
        others = (
            Browsing(app), Flows(app), SavedDesk(app), Run(app), Jumping(app), Viewing(app), Decoding(app),
            Marking(app), Cells(app), General(app),
        )  # fmt: skip
        super().__init__(app, (*named, *others))
