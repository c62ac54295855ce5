"""A table that is drawn again only where it has changed."""

from collections.abc import Mapping, Sequence
from typing import Self

from rich.text import Text
from textual.coordinate import Coordinate
from textual.geometry import Region
from textual.widgets import DataTable

REST = 200
"""Width of a last column: to the edge of the screen, and the arrow keys go on from there."""
STYLES = {
    "!!": "bold #ffffff on #a33b00",
    "! ": "bold #e69f00",
    "? ": "italic #c8c8c8",
    "~ ": "#f0e442",
    "  ": "#56b4e9",
}
"""Colours told apart by everybody (Okabe and Ito), by the mark that says the same without."""


def styled(text: str, *, verdict: bool = False) -> Text:
    """Give ``text`` as it stands, never as markup; a verdict in its colour."""
    return Text(text, STYLES.get(text[:2], "") if verdict else "", no_wrap=True)


class Sheet(DataTable[Text]):
    """Rows by key. A cell that looks as before costs no byte on the line."""

    def __init__(self, columns: Mapping[str, int], *, verdict: int, name: str) -> None:
        """Name each column and its width; ``verdict`` is the column with the colour."""
        self._quiet = False
        super().__init__(id=name, cursor_type="row", zebra_stripes=False)
        self._columns = columns
        self._verdict = verdict
        self._held: dict[str, list[str]] = {}

    def on_mount(self) -> None:
        """Make the columns."""
        for title, width in self._columns.items():
            self.add_column(title, width=width, key=title)

    @property
    def chosen(self) -> str | None:
        """The key of the row under the cursor."""
        names = self.names
        return names[self.cursor_row] if 0 <= self.cursor_row < len(names) else None

    @property
    def names(self) -> list[str]:
        """The keys of all rows, from the top."""
        return list(self._held)

    def show(self, rows: Mapping[str, Sequence[str]]) -> bool:
        """Show ``rows`` in their order; the cursor stays on its row. Whether anything changed."""
        new = {key: list(row) for key, row in rows.items()}
        if new == self._held and list(new) == list(self._held):
            return False
        if list(new) == list(self._held):
            self._change(new)
        else:
            self._again(new)
        self._held = new
        return True

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """Draw again; a change of cells leaves that to those cells."""
        if self._quiet:
            return self
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _change(self, new: Mapping[str, list[str]]) -> None:
        for at, (key, row) in enumerate(new.items()):
            for n, (title, text) in enumerate(zip(self._columns, row, strict=True)):
                if self._held[key][n] != text:
                    self._quiet = True
                    self.update_cell(key, title, styled(text, verdict=n == self._verdict))
                    self._quiet = False
                    self.refresh_coordinate(Coordinate(at, n))

    def _again(self, new: Mapping[str, list[str]]) -> None:
        chosen, top = self.chosen, self.scroll_y
        self.clear()
        for key, row in new.items():
            cells = [styled(text, verdict=n == self._verdict) for n, text in enumerate(row)]
            self.add_row(*cells, key=key)
        if chosen is not None and chosen in new:
            self.move_cursor(row=list(new).index(chosen), animate=False, scroll=False)
            self.scroll_to(y=top, animate=False)
