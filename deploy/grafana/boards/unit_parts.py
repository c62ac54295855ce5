"""What the rows of the dashboard "unit" share."""

from deploy.grafana.kit import (
    GREEN,
    RED,
    SKY,
    limit,
    steps,
)
from deploy.grafana.tables import Label

EOL = limit("end_of_life_state_of_health_ratio")

HEALTH = steps(RED, (EOL, SKY), (0.9, GREEN))

OF_UNIT, OF_CELL = Label("unit", width=110), Label("cell", width=55)
