"""The kinds of events, and whose they are. Pure."""

DISCHARGE, SELF_TEST, FLICKER = "discharge", "self_test", "flicker"
KINDS = (DISCHARGE, SELF_TEST, FLICKER, "outage", "replaced")
"""An outage is a rack's: the discharges of its units as one."""
OF_RACK = "rack:"
"""Before the rack's name in the ``unit`` of its events; no unit's name has a colon."""
