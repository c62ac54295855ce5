"""An outage: which racks are on battery, how long they last, and which unit is the weakest."""

from deploy.grafana import kit
from deploy.grafana.board import Board
from deploy.grafana.boards import outage_after, outage_now, outage_units

BOARD = Board(
    "bbu-outage",
    "BBU outage",
    "Which racks are on battery, how long they last, which unit is the weakest, and what "
    "the outage has taught.",
    kit.variables("site", "rack"),
    [outage_now.now_row(), outage_units.units_row(), outage_after.before_and_after_row()],
    time_from="now-30m",
    refresh="5s",
)
