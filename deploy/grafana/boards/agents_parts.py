"""What the rows of the dashboard "agents" share."""

from deploy.grafana.kit import limit

LAG = limit("loop_lag_seconds")

BUSY = limit("bus_utilisation_ratio")

RATE = "[$__rate_interval]"
