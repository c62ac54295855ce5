"""The kinds of events. Pure."""

DISCHARGE, SELF_TEST, FLICKER = "discharge", "self_test", "flicker"
KINDS = (DISCHARGE, SELF_TEST, FLICKER, "outage", "replaced")
"""An outage is a rack's: the discharges of its units as one."""
