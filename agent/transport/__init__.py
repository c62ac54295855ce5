"""Requests to devices: one adapter for each protocol library."""
