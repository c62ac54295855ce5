"""A preview of a dashboard, drawn by us from its JSON and its queries; not Grafana's drawing."""
