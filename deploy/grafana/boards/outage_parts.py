"""What the rows of the dashboard "outage" share."""

from deploy.grafana.kit import (
    GREEN,
    ORANGE,
    PLACED,
    RED,
    SITE,
    steps,
)

RACK = f'{SITE},rack=~"$rack"'

IN_RACK = f"{PLACED}{{{RACK}}}"

EVENT = 'kind="discharge"'

# Colours for the seconds that are left; no alert has these limits.
TIME_LEFT = steps(RED, (60, ORANGE), (180, GREEN))
