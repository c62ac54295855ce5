"""One unit (or a few): the verdict with its reasons, every cell, tests, events, polls."""

from deploy.grafana import kit
from deploy.grafana.board import Board
from deploy.grafana.boards import unit_cells, unit_course, unit_now, unit_polls

BOARD = Board(
    "bbu-unit",
    "BBU unit",
    "One unit or a few: the verdict and its reasons, every cell, self-tests, events and polls.",
    kit.variables("site", "unit"),
    [
        unit_now.now_row(),
        unit_cells.cells_row(),
        unit_course.states_row(),
        unit_course.events_row(),
        unit_polls.polls_row(),
    ],
    time_from="now-24h",
)
