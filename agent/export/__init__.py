"""Reads the store and knows no device: metrics, HTTP API, page."""
