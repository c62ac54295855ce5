"""Discharges, self-tests and what they tell: from samples to records. Pure."""
