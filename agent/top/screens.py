"""The screens: the fleet, one unit, events, and the keys."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.widgets import DataTable, Footer, Input, Static

from agent.top import words
from agent.top.sheet import REST, Sheet, styled
from agent.top.words import Shown

KEYS = """
 up down   one row                 enter     the unit under the cursor
 pgup pgdn one page                escape    back
 home end  first, last             /         only rows with these words
 e         events                  n         next that is not ok
 ?         this page               q         leave

 A verdict has a mark beside its colour:
   !! replace    !  degraded    ?  unknown    ~  watch    (none) ok

 Bars of cells go from 40 to 120 % of rated capacity:
   O what is believed, --- its 90 % interval.

 Nothing is asked of a device here: it shows what the agent has read.
"""


class Opened(Message):
    """A screen has come to the front and wants what it shows."""


class Head(Static):
    """The first line: what is shown, and since when nothing has come."""

    def __init__(self) -> None:
        super().__init__(id="head")
        self._said = ""

    def say(self, text: str, trouble: str | None) -> None:
        """Show ``text``, and ``trouble`` in its place if the agent is gone."""
        shown = text if trouble is None else trouble
        if shown != self._said:
            self._said = shown
            self.update(styled(shown))
            self.set_class(trouble is not None, "trouble")


class FleetScreen(Screen[None]):
    """All units, the worst first; what is wrong with the one under the cursor below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter"),
        Binding("n", "next", "next not ok"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._units: dict[str, Shown] = {}
        self._trouble: str | None = None
        self._why = ""

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield Head()
        columns = {"unit": 14, "verdict": 11, "place": 9, "health (90 %)": 14, "ride-thr.": 9}
        yield Sheet({**columns, "why": REST}, verdict=1, name="fleet")
        yield Static(id="why")
        yield Input(placeholder="words to look for; enter keeps them, escape drops", id="filter")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Begin with the table."""
        self.query_one(Input).display = False
        self.query_one(Input).cursor_blink = False
        self.query_one(Sheet).focus()

    def show(self, units: dict[str, Shown], trouble: str | None) -> None:
        """Show ``units``, and ``trouble`` if the agent is gone."""
        self._units, self._trouble = units, trouble
        wanted = self.query_one(Input).value
        chosen = [one for one in units.values() if words.fits(one, wanted)]
        text = words.tally(units.values())
        if wanted:
            text += f"   {len(chosen)} shown with: {wanted}"
        self.query_one(Head).say(text, trouble)
        ordered = sorted(chosen, key=words.order)
        self.query_one(Sheet).show({one["name"]: words.unit_row(one) for one in ordered})
        self._say_why()

    def _say_why(self) -> None:
        name = self.query_one(Sheet).chosen
        unit = self._units.get(name or "")
        lines = [] if unit is None else [f"{words.plain(unit['name'])}: {unit['verdict']}"]
        if unit is not None:
            lines += [f"  - {words.plain(reason['text'])}" for reason in unit["reasons"]]
            if unit["last_error"] and not unit["up"]:
                lines.append(f"  - {words.plain(unit['last_error'])}")
        text = "\n".join(lines)
        if text != self._why:
            self._why = text
            self.query_one("#why", Static).update(styled(text))

    def on_data_table_row_highlighted(self, _event: DataTable.RowHighlighted) -> None:
        """Say what is wrong with the unit under the cursor."""
        self._say_why()

    def on_data_table_row_selected(self, _event: DataTable.RowSelected) -> None:
        """Open the unit."""
        name = self.query_one(Sheet).chosen
        if name is not None:
            self.app.push_screen(UnitScreen(name))

    def action_next(self) -> None:
        """Go to the next unit that is not ok, and round again."""
        sheet = self.query_one(Sheet)
        bad = [n for n, name in enumerate(sheet.names) if self._units[name]["verdict"] != "ok"]
        after = [n for n in bad if n > sheet.cursor_row] or bad
        if after:
            sheet.move_cursor(row=after[0], animate=False)

    def action_filter(self) -> None:
        """Ask for words."""
        field = self.query_one(Input)
        field.display = True
        field.focus()

    def on_input_changed(self, _event: Input.Changed) -> None:
        """Show what fits so far."""
        self.show(self._units, self._trouble)

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Go back to the table."""
        self.query_one(Input).display = bool(self.query_one(Input).value)
        self.query_one(Sheet).focus()

    def key_escape(self) -> None:
        """Drop the words."""
        self.query_one(Input).value = ""
        self.query_one(Input).display = False
        self.query_one(Sheet).focus()


class UnitScreen(Screen[None]):
    """One unit: verdict, reasons, cells, readings."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.pop_screen", "back")]

    def __init__(self, unit: str) -> None:
        """Show ``unit``, by its name."""
        super().__init__()
        self.unit = unit
        self._said = ""

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield Head()
        with VerticalScroll(can_focus=False):
            yield Static(id="said")
            cells = {"cell": 4, "verdict": 11, "health (90 %)": 14}
            cells |= {"40 % ... health ... 120 %": words.BAR, "resistance": 10, "now": 7}
            yield Sheet({**cells, "known by": REST}, verdict=1, name="cells")
            readings = {"reading": 26, "index": 14, "value": 14, "unit": 8}
            yield Sheet({**readings, "source": REST}, verdict=-1, name="readings")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Begin with the cells."""
        self.query_one("#cells").focus()

    def on_screen_resume(self) -> None:
        """Ask for what is shown here."""
        self.post_message(Opened())

    def show(self, unit: Shown | None, trouble: str | None) -> None:
        """Show ``unit``, None if it is not known yet."""
        self.query_one(Head).say(words.plain(self.unit), trouble)
        if unit is None:
            return
        text = "\n".join(words.headline(unit))
        if text != self._said:
            self._said = text
            self.query_one("#said", Static).update(styled(text))
        cells = self.query_one("#cells", Sheet)
        cells.show({row[0]: row for row in words.cell_rows(unit)})
        cells.display = bool(cells.row_count)
        rows = words.reading_rows(unit)
        self.query_one("#readings", Sheet).show({f"{row[0]}/{row[1]}": row for row in rows})


class EventsScreen(Screen[None]):
    """What has happened, newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.pop_screen", "back")]

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield Head()
        columns = {"start (UTC)": 15, "unit": 18, "kind": 10, "length": 10, "energy": 10}
        yield Sheet({**columns, "lowest cell": REST}, verdict=-1, name="events")
        yield Footer(compact=True, show_command_palette=False)

    def on_screen_resume(self) -> None:
        """Ask for what is shown here."""
        self.post_message(Opened())

    def show(self, events: list[Shown], trouble: str | None) -> None:
        """Show ``events``."""
        self.query_one(Head).say(f"last {len(events)} events", trouble)
        rows = {f"{n}": words.event_row(one) for n, one in enumerate(events)}
        self.query_one(Sheet).show(rows)


class HelpScreen(ModalScreen[None]):
    """The keys and the marks."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "app.pop_screen", "back")
    ]

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield Static(styled(KEYS), id="keys")
