"""What the device says of itself, beside what we believe."""

from agent.export.site.layout import panel, table
from agent.export.site.markup import NOTHING, Html, h
from agent.export.site.words import NONE, between, dates, measured, time_between
from agent.model import Health, Reading
from agent.store.live import UnitView

_CLAIMS = (
    ("reported_state_of_health", "State of health"),
    ("capacity_full", "Full-charge capacity"),
    ("capacity_design", "Design capacity"),
    ("runtime_remaining", "Time it would last"),
    ("cycle_count", "Cycles"),
    ("battery_replace_due_date", "Replace by"),
    ("battery_age", "Age"),
    ("self_test_result", "Last self-test"),
    ("replace_battery", "Asks for a new battery"),
    ("battery_fault", "Reports a battery fault"),
    ("end_of_life", "Reports end of life"),
    ("bad_battery_packs", "Bad packs"),
)
_OURS = frozenset({"reported_state_of_health", "runtime_remaining"})
"""What is worth telling even where the device says nothing of it."""


def claims(view: UnitView) -> Html:
    """Give the panel that puts the device's word beside ours."""
    known = {row.quantity: row for row in view.readings if row.index is None}
    rows = [_row(known, view, key, name) for key, name in _CLAIMS]
    rows = [row for row in rows if row != NOTHING]
    if not rows:
        return NOTHING
    heads = ("", "The device says", "We believe")
    return panel(
        "The device's word beside ours",
        table(heads, rows, class_="cards", label="Claims of the device"),
        id_="claims",
        note="The device's word adds reasons; it is never averaged into the estimate.",
    )


def _row(known: dict[str, Reading], view: UnitView, key: str, name: str) -> Html:
    said = measured(known[key]) if key in known else NONE
    ours = _ours(key, view.health if view.up else None)
    if said == NONE and not (key in _OURS and ours != NONE):
        return NOTHING
    cells = (
        h("td", said, data_name="The device says"),
        h("td", ours, data_name="We believe"),
    )
    return h("tr", h("th", name, scope="row"), cells)


def _ours(key: str, health: Health | None) -> str:
    if health is None:
        return NONE
    match key:
        case "reported_state_of_health":
            return between(health.state_of_health, 100, "%")
        case "runtime_remaining" if health.ride_through_s is not None:
            return f"{time_between(health.ride_through_s)} at rated power"
        case "battery_replace_due_date":
            return dates(health.first_end_s, health.updated_at)
        case _:
            return NONE
