"""The fleet: is anything wrong, where, since when, and what to do."""

from deploy.grafana import kit
from deploy.grafana.board import Board
from deploy.grafana.boards import fleet_ageing, fleet_now, fleet_units

BOARD = Board(
    "bbu-fleet",
    "BBU fleet",
    "Is anything wrong in any rack, where, since when, and what to do.",
    kit.variables("site"),
    [fleet_now.now_row(), fleet_units.units_row(), fleet_ageing.over_time_row()],
    time_from="now-6h",
)
