"""May a self-test of this unit be started now? Every reason against it, in words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_TESTS = "tests itself"
Standing = Mapping[str, object]
"""What a shelf or a group can count on, as the agent's API tells it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known when somebody asks for a self-test of ``unit``.

    ``declared``: the profile says how one is started. ``enabled``: the operator gave the
    credentials for it. ``counted`` are the shelf and the groups that count on the unit.
    """

    unit: str
    profile: str
    declared: bool
    enabled: bool
    counted: Sequence[Standing]


def refusals(asked: Asked) -> list[str]:
    """Give every reason against the test; none means that it may be started."""
    found = []
    if not asked.declared:
        found.append(f"the profile {asked.profile} declares nothing that starts a self-test")
    if not asked.enabled:
        found.append(
            f"{asked.unit} has no self_test_credentials: the operator allows no self-test of it"
        )
    if not asked.counted:
        found.append(
            "no shelf and no group of the configuration says what is needed while it tests itself"
        )
    for standing in asked.counted:
        found += _against(asked.unit, standing)
    return found


def _against(unit: str, standing: Standing) -> list[str]:
    name = _name(standing)
    found = []
    left = standing.get("margin_after_failure")
    if not isinstance(left, int) or left < 0:
        ready, required = standing.get("ready"), standing.get("required")
        found.append(f"{name} cannot spare a unit: {ready} are ready, {required} are required")
    if standing.get("on_battery") != 0:
        found.append(f"{name} is on battery")
    absent = standing.get("not_ready")
    if not isinstance(absent, list):
        return [*found, f"{name} does not say who is ready"]
    for one in absent:
        if one.get("unit") == unit:
            found.append(f"{unit} is not ready: {one.get('why')}")
        elif one.get("why") == _TESTS:
            found.append(f"{one.get('unit')} of {name} tests itself already")
    return found


def _name(standing: Standing) -> str:
    if "group" in standing:
        return f"group {standing['group']}"
    return f"shelf {standing.get('shelf')} of rack {standing.get('rack')}"
