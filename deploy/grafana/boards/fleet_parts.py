"""What the rows of the dashboard "fleet" share."""

from deploy.grafana.kit import (
    GREEN,
    RED,
    SKY,
    limit,
    steps,
)

EOL = limit("end_of_life_state_of_health_ratio")

HEALTH = steps(RED, (EOL, SKY), (0.9, GREEN))
