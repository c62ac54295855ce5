"""TLS, users and headers of the HTTP server, from a file as Prometheus's exporters read it."""
