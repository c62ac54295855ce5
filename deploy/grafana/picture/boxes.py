"""Tiles, bars and tables as HTML."""

from collections.abc import Mapping, Sequence
from html import escape

from deploy.grafana.asking import Json, Series
from deploy.grafana.picture.charts import drawn
from deploy.grafana.picture.values import MUTED, TEXT, Look, look

_DARK = 0.45


def ink(colour: str) -> str:
    """Give black or white, whichever can be read on ``colour``."""
    if not colour.startswith("#"):
        return TEXT
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return "#111" if 0.3 * red + 0.59 * green + 0.11 * blue > _DARK else "#fff"


def tile(panel: Json, answers: Mapping[str, Sequence[Series]], now_s: float) -> str:
    """Show the last value of each series on its colour."""
    found = []
    for one in drawn(panel, answers):
        value = one.series.points[-1][1]
        colour = one.look.colour(value)
        found.append(
            f'<div class="tile" style="background:{colour};color:{ink(colour)}">'
            f"<b>{escape(one.look.text(value, now_s))}</b></div>"
        )
    return f'<div class="tiles">{"".join(found)}</div>'


def bars(panel: Json, answers: Mapping[str, Sequence[Series]], now_s: float) -> str:
    """Show the last value of each series as a horizontal bar."""
    rows = drawn(panel, answers)
    if len(answers) == 1:
        rows = sorted(rows, key=lambda row: -row.series.points[-1][1])
    longest = max((row.series.points[-1][1] for row in rows), default=0.0) or 1.0
    found = []
    for row in rows:
        value = row.series.points[-1][1]
        found.append(
            f'<tr><td class="name">{escape(row.name)}</td><td class="bar"><div style="width:'
            f'{max(0.5, 100 * value / longest):.1f}%;background:{row.look.colour(value)}"></div>'
            f"</td><td>{escape(row.look.text(value, now_s))}</td></tr>"
        )
    return f'<table class="bars">{"".join(found)}</table>'


def table(panel: Json, answers: Mapping[str, Sequence[Series]], now_s: float) -> str:
    """Show a table: rows of equal labels joined, columns named and ordered as the panel says."""
    arrange = next(one["options"] for one in panel["transformations"] if one["id"] == "organize")
    names: Mapping[str, str] = arrange["renameByName"]
    order = sorted(names, key=lambda name: int(arrange["indexByName"][name]))
    numbers = {name: "A" if name == "Value" else name[-1] for name in order if "Value" in name}
    labels = [name for name in order if name not in numbers]
    rows: dict[tuple[str, ...], dict[str, float]] = {}
    for ref, series in answers.items():
        for one in series:
            key = tuple(one.labels.get(label, "") for label in labels)
            rows.setdefault(key, {})[ref] = one.points[-1][1]
    looks = {name: look(panel, names[name], numbers.get(name, "")) for name in order}
    head = "".join(f"<th>{escape(names[name])}</th>" for name in order)
    body = []
    for key in _sorted(panel, rows, {names[name]: name for name in order}, labels, numbers):
        shown = dict(zip(labels, key, strict=True))
        cells = [
            _number(looks[name], rows[key].get(numbers[name]), now_s)
            if name in numbers
            else f'<td class="{"link" if looks[name].links else ""}">{escape(shown[name])}</td>'
            for name in order
        ]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _sorted(
    panel: Json,
    rows: Mapping[tuple[str, ...], Mapping[str, float]],
    titles: Mapping[str, str],
    labels: Sequence[str],
    numbers: Mapping[str, str],
) -> list[tuple[str, ...]]:
    found = sorted(rows)
    for one in panel["options"].get("sortBy", []):
        name = titles[one["displayName"]]
        if name in numbers:
            found.sort(
                key=lambda key: rows[key].get(numbers[name], float("-inf")),
                reverse=bool(one.get("desc")),
            )
        else:
            place = labels.index(name)
            found.sort(key=lambda key: key[place], reverse=bool(one.get("desc")))
    return found


def _number(look_of: Look, value: float | None, now_s: float) -> str:
    if value is None:
        return "<td></td>"
    coloured = look_of.custom.get("cellOptions", {}).get("type") == "color-text"
    colour = look_of.colour(value) if coloured else TEXT
    return f'<td style="color:{colour}">{escape(look_of.text(value, now_s))}</td>'


def empty(panel: Json) -> str:
    """Say what a panel without data says."""
    words = panel["fieldConfig"]["defaults"].get("noValue", "No data")
    return f'<div class="empty" style="color:{MUTED}">{escape(words)}</div>'
