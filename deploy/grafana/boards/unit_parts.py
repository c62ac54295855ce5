"""What the rows of the dashboard "unit" share."""

from deploy.grafana.tables import Label

OF_UNIT, OF_CELL = Label("unit", width=110), Label("cell", width=55)
