"""What the rows of the dashboard "outage" share."""

from deploy.grafana.kit import (
    PLACED,
    SITE,
)

RACK = f'{SITE},rack=~"$rack"'

IN_RACK = f"{PLACED}{{{RACK}}}"

EVENT = 'kind="discharge"'
