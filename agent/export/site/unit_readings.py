"""What a unit reads: temperatures, alarms, identity, how polling it goes, and every value raw."""

from agent.export.order import natural
from agent.export.site.layout import facts, panel, table
from agent.export.site.markup import NOTHING, Html, h
from agent.export.site.words import amount, clock, measured, place, span, title
from agent.model import Reading
from agent.quantities import IDENTITY
from agent.store.live import UnitView

_WARM = ("temperature", "cell_temperature", "ambient_temperature")
_HOTTEST_C = 70.0
_MOST_ROWS = 1500


def temperatures(view: UnitView) -> Html:
    """Give the panel of all temperature sensors."""
    rows = [row for row in view.readings if row.quantity in _WARM and isinstance(row.value, float)]
    if not rows:
        return NOTHING
    items = [
        h("li", h("span", _sensor(row)), _thermometer(row), h("b", measured(row))) for row in rows
    ]
    return panel("Temperatures", h("ul", items, class_="warm"), id_="temperatures", class_="third")


def _sensor(row: Reading) -> str:
    word = {"cell_temperature": "cell", "ambient_temperature": "air"}.get(row.quantity, "")
    return " ".join(part for part in (word, row.index) if part) or "unit"


def _thermometer(row: Reading) -> Html:
    value = row.value if isinstance(row.value, float) else 0.0
    width = round(min(max(value / _HOTTEST_C, 0.0), 1.0) * 100, 1)
    return h(
        "svg",
        h("rect", class_="reach", y=3, height=4, width=width),
        viewBox="0 0 100 10",
        preserveAspectRatio="none",
        class_="bar",
        aria_hidden="true",
    )


def alarms(view: UnitView) -> Html:
    """Give the panel of the device's alarms: those that are active, and which it has."""
    rows = [row for row in view.readings if row.quantity == "alarm"]
    active = [row for row in rows if row.value is True]
    quiet = [row for row in rows if row.value is False]
    if not rows and not view.ledger.findings:
        return NOTHING
    raised = h("span", "alarm", class_="shape replace")
    items = [h("li", raised, " ", _words(row.index)) for row in active]
    items += [
        h("li", h("span", "finding", class_="shape watch"), " ", _words(code), " (by the agent)")
        for code in sorted(view.ledger.findings)
    ]
    return panel(
        "Alarms",
        h("ul", items, class_="reasons") if items else h("p", "No alarm is active."),
        bool(quiet)
        and h(
            "details",
            h("summary", f"{len(quiet)} alarms that the device has and does not raise"),
            h("p", ", ".join(_words(row.index) for row in quiet), class_="note"),
        ),
        id_="alarms",
    )


def _words(name: str | None) -> str:
    return (name or "unnamed").replace("_", " ")


def identity(view: UnitView) -> Html:
    """Give the panel that says what the unit is and where."""
    info = view.info
    named = [(title(key), view.identity.get(key)) for key in IDENTITY]
    return panel(
        "Identity",
        facts(
            [
                ("Place (rack / shelf / slot)", place(info.location)),
                ("Profile", view.status.profile or info.profile),
                ("Bus", info.bus),
                ("Address", info.address),
                ("Configured chemistry", info.chemistry),
                *named,
            ]
        ),
        id_="identity",
        class_="third",
    )


def polling(view: UnitView) -> Html:
    """Give the panel that says how polling the unit goes."""
    status = view.status
    errors = [
        h("li", f"{cause}: {count}") for cause, count in sorted(status.errors.items()) if count
    ]
    return panel(
        "Poll health",
        facts(
            [
                ("State", status.state.value),
                ("Since", clock(status.since or None)),
                ("Last good answer", clock(status.last_ok)),
                ("Polls", str(status.polls)),
                ("Failures in a row", str(status.failures)),
                ("Last poll took", amount(status.last_duration_s, 1000.0, "ms")),
                ("Last error", status.last_error),
            ]
        ),
        h("h3", "Errors by cause") if errors else None,
        h("ul", errors) if errors else h("p", "No poll has failed.", class_="note"),
        id_="polling",
        class_="third",
    )


def readings(view: UnitView) -> Html:
    """Give every reading with its source and age, and every field that gave none."""
    rows = [
        h(
            "tr",
            h("th", title(row.quantity), scope="row"),
            h("td", row.index or ""),
            h("td", measured(row), class_="num"),
            h("td", h("code", row.source)),
            h("td", span(view.age_s(row))),
        )
        for row in sorted(view.readings, key=_order)[:_MOST_ROWS]
    ]
    heads = ("Quantity", "Part", "Value", "Register or OID", "Age")
    return panel(
        "Readings",
        h(
            "details",
            h("summary", f"All {len(view.readings)} readings with their registers or OIDs"),
            table(heads, rows, class_="raw", label="Readings"),
        ),
        _faults(view),
        id_="readings",
        class_="wide",
    )


def _order(row: Reading) -> tuple[str, tuple[tuple[int, str], ...]]:
    return row.quantity, natural(row.index or "")


def _faults(view: UnitView) -> Html:
    if not view.faults:
        return NOTHING
    rows = [
        h(
            "tr",
            h("th", title(fault.quantity), scope="row"),
            h("td", fault.index or ""),
            h("td", fault.reason.value),
            h("td", fault.raw),
            h("td", h("code", fault.source)),
        )
        for fault in view.faults[:_MOST_ROWS]
    ]
    heads = ("Quantity", "Part", "Why not believed", "Raw", "Register or OID")
    return h(
        "details",
        h("summary", f"{len(view.faults)} fields that gave no usable value"),
        table(heads, rows, class_="raw", label="Fields without a value"),
    )
