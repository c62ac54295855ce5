"""The agents themselves: do they read every unit, in time, and keep what they learn?"""

from deploy.grafana import kit
from deploy.grafana.board import Board
from deploy.grafana.boards import agents_buses, agents_now, agents_process

BOARD = Board(
    "bbu-agents",
    "BBU agents",
    "Do the agents read every unit, in time, and keep what they learn?",
    kit.variables("site", "instance"),
    [agents_now.now_row(), agents_buses.buses_row(), agents_process.process_row()],
    time_from="now-3h",
)
