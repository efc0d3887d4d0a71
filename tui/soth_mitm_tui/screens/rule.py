"""One rule: its action, the action's fields, and for which messages it is meant, judged as typed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, TextArea

from soth_mitm.policy.filters import FilterError, compile_filter, explain
from soth_mitm.text import printable
from soth_mitm_tui import paths
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.ruleforms import Field, Judged, fields_of, judge, summary
from soth_mitm_tui.widgets.choice import ChoiceField
from soth_mitm_tui.widgets.pane_title import PaneTitle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from textual.app import ComposeResult

    from soth_mitm.policy.rules import Rule
    from soth_mitm_tui.app import SothApp

_OWN = (
    Field("when", "text", "such as host:api. path:/v1 · empty: every message"),
    Field("name", "text", "a name of its own, if you like"),
    Field("folder", "text", "rules of one folder are switched together"),
)
_KEYS = (("tab", " next  "), ("f2", " action  "), ("^s", " keep  "), ("esc", " back"))


class RuleScreen(ModalScreen[None]):
    """Lets a person make or change a rule, and hands it to `take`; closes once that does not raise."""

    PANE: ClassVar[str] = "rule"
    BINDINGS = bindings("rule")
    AUTO_FOCUS = "#rule-fields Input, #rule-fields TextArea, #rule-fields ChoiceField"
    app: SothApp

    def __init__(
        self,
        title: str,
        action: str,
        texts: Mapping[str, str],
        take: Callable[[Rule], Awaitable[object]],
        *,
        base: Rule | None = None,
    ) -> None:
        """Begin with what stands in the fields; `base` is the rule that is changed."""
        super().__init__()
        self._title, self._take, self._base = title, take, base
        self.kind = action
        self.fields: tuple[Field, ...] = (*fields_of(action), *_OWN)
        self._start = dict(texts)
        self._typed = dict(texts)
        """All that was typed, the fields of other actions among it."""
        self._inputs: dict[str, Input | TextArea | ChoiceField] = {}
        self._notes: dict[str, Label] = {}
        self._touched: set[str] = set()
        self._all_shown = bool(texts.get("when")) and base is not None
        self._asked = False
        self._verdict = Label("", markup=False, id="rule-verdict")

    def compose(self) -> ComposeResult:
        """Lay out the action, its fields, the rule's own, and what it will do."""
        with Vertical(id="rule", classes="menu-box"):
            title = PaneTitle(self._title)
            title.set(
                note=tuple(span for key, words in _KEYS for span in ((key, "accent"), (words, "muted")))
            )
            title.set_bright(True)
            yield title
            yield Label(f"{self.kind}  {summary(self.kind)}", markup=False, id="rule-action")
            with VerticalScroll(id="rule-fields", can_focus=False):
                for field in self.fields:
                    yield from self._line(field)
            yield self._verdict

    def _line(self, field: Field) -> ComposeResult:
        value = self._typed.get(field.key, field.first)
        made: Input | TextArea | ChoiceField
        name = f"rule-{field.key}"
        if field.choices:
            made = ChoiceField(field.choices, value, id=name)
        elif field.kind == "lines":
            made = TextArea(value, tab_behavior="focus", compact=True, id=name)
            made.cursor_blink = False
            made.styles.height = max(2, min(value.count("\n") + 1, 6))
        else:
            made = Input(value, placeholder=field.hint, select_on_focus=False, compact=True, id=name)
        self._inputs[field.key] = made
        note = self._notes[field.key] = Label("", markup=False, classes="note")
        with Horizontal(classes="field"):
            yield Label("for" if field.key == "when" else field.key, markup=False, classes="name")
            yield made
        yield note

    def on_mount(self) -> None:
        """Judge what is there already."""
        self._judge()

    # --- judging

    @property
    def texts(self) -> dict[str, str]:
        """All that is typed, by field."""
        for key, made in self._inputs.items():
            self._typed[key] = made.text if isinstance(made, TextArea) else made.value
        return self._typed

    @property
    def judged(self) -> Judged:
        """What is typed, as a rule."""
        return judge(self.kind, self.texts, self._base)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Judge what is typed."""
        self._changed(event.input)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Judge what is typed."""
        self._changed(event.text_area)

    def on_choice_field_changed(self) -> None:
        """Judge what is chosen."""
        self._changed(None)

    def _changed(self, made: Input | TextArea | None) -> None:
        self._asked = False
        for key, each in self._inputs.items():
            if each is made and self.is_mounted and self._typed.get(key, "") != self._value(key):
                self._touched.add(key)
        self._judge()

    def _value(self, key: str) -> str:
        made = self._inputs[key]
        return made.text if isinstance(made, TextArea) else made.value

    def _judge(self) -> None:
        rule, faults = self.judged
        for field in self.fields:
            note, fault = self._notes[field.key], faults.get(field.key, "")
            # A field that nobody has come to yet is not wrong, only empty.
            quiet = fault == "it is needed" and field.key not in self._touched and not self._all_shown
            made = self._inputs[field.key]
            hint = field.hint if field.choices or field.kind == "lines" else ""
            note.update(printable(f"✕ {fault}" if fault and not quiet else hint, 200))
            note.set_class(bool(fault) and not quiet, "-wrong")
            note.display = bool(fault and not quiet) or bool(hint)
            made.set_class(bool(fault) and not quiet, "-wrong")
        if faults:
            key = next(iter(faults))
            self._say(f"Not a rule yet: {'for' if key == 'when' else key}: {faults[key]}")
        elif rule is not None:
            self._say(_sentence(rule))

    def _say(self, text: str, *, wrong: bool = False) -> None:
        self._verdict.update(printable(text, 400))
        self._verdict.set_class(wrong, "-wrong")

    # --- keys

    def takes(self, action_id: str) -> bool:
        """Whether a key is not text that is being typed."""
        if action_id == "rule.switch":
            return isinstance(self.focused, ChoiceField)
        if action_id in ("rule.up", "rule.down"):
            return not isinstance(self.focused, TextArea)
        return True

    def reason_against(self, action_id: str) -> str:
        """Say why a key does not work now."""
        if action_id == "rule.complete" and self._path is None:
            return "This field is no path"
        return ""

    @property
    def _path(self) -> Input | None:
        for field in self.fields:
            made = self._inputs[field.key]
            if field.kind == "path" and isinstance(made, Input) and made.has_focus:
                return made
        return None

    async def action_complete(self) -> None:
        """Complete the path."""
        made = self._path
        if made is None:
            return
        text = made.value
        done = await asyncio.to_thread(paths.complete, text)
        if made.value == text:
            made.value = done.text
            made.cursor_position = len(done.text)
            self.call_after_refresh(self._say_others, done.others)

    def _say_others(self, others: tuple[str, ...]) -> None:
        if others:
            self._say("  ".join(others[:30]))

    def action_switch(self) -> None:
        """Take the next choice."""
        if isinstance(self.focused, ChoiceField):
            self.focused.step()

    def action_down(self) -> None:
        """Go to the next field."""
        self.focus_next()

    def action_up(self) -> None:
        """Go to the field before."""
        self.focus_previous()

    def action_action(self) -> None:
        """Choose another action."""
        self.app.ruling.choose_action(self.become, self.kind)

    async def become(self, kind: str) -> None:
        """Show the form of another action; what was typed stays where the fields are the same."""
        texts = self.texts
        self.kind = kind
        self.fields = (*fields_of(kind), *_OWN)
        self._typed = texts
        self._inputs, self._notes = {}, {}
        await self.recompose()
        self._judge()
        self.set_focus(next(iter(self._inputs.values())))

    def on_input_submitted(self) -> None:
        """Enter keeps it, as ctrl+s does."""
        self.app.perform("rule.keep")

    async def action_keep(self) -> None:
        """Hand the rule over; what is wrong with it is said at its field, and what was typed stays."""
        rule, faults = self.judged
        if rule is None:
            self._all_shown = True
            self._judge()
            key = next(iter(faults))
            self._say(f"Not kept: {'for' if key == 'when' else key}: {faults[key]}", wrong=True)
            self._inputs[key].focus()
            return
        try:
            await self._take(rule)
        except Exception as error:
            self._say(str(error), wrong=True)
        else:
            self.dismiss()

    @property
    def changed(self) -> bool:
        """Whether something was typed."""
        texts = self.texts
        return any(
            texts[field.key] != self._start.get(field.key, field.first)
            for field in self.fields
            if texts[field.key] or self._start.get(field.key, field.first)
        )

    def action_close(self) -> None:
        """Go back, after a second look where something was typed."""
        if self.changed and not self._asked:
            self._asked = True
            self._say("Not kept yet: ^s keeps it, esc once more leaves it", wrong=True)
            return
        self.dismiss()


def _sentence(rule: Rule) -> str:
    try:
        wanted = compile_filter(rule.expression)
    except FilterError as error:
        return str(error)
    return f"Acts on {'messages where ' + explain(rule.expression) if wanted else 'every message'}"
