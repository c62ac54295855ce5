"""What a panel's JSON says of a value: its words, its unit, its colour."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deploy.grafana.asking import Json

TEXT, MUTED = "#ccccdc", "#9a9ba8"
# The first colours that Grafana gives series by themselves.
CLASSIC = ["#73BF69", "#F2CC0C", "#8AB8FF", "#FF780A", "#F2495C", "#5794F2", "#B877D9", "#705DA0"]
_CALLED = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_BYTES = 1024.0
_UNITS = {"celsius": "°C", "reqps": "req/s", "ops": "ops/s"}
_SCALED = {"volt": "V", "amp": "A", "joule": "J", "watt": "W"}
_PREFIXES = ((1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"))


@dataclass(frozen=True)
class Look:
    """How one field is shown: the panel's defaults under the overrides that hold for it."""

    unit: str
    decimals: int | None
    mappings: Sequence[Json]
    steps: Sequence[Json]
    custom: Mapping[str, Any]
    fixed: str | None
    links: bool

    def text(self, value: float, now_s: float) -> str:
        """Give the words for a value."""
        found = self._mapped(value)
        return found["text"] if found else shown(value, self.unit, self.decimals, now_s)

    def colour(self, value: float) -> str:
        """Give the colour of a value, from its word or the threshold it has reached."""
        found = self._mapped(value)
        if found and found.get("color"):
            return str(found["color"])
        colour = TEXT
        for step in self.steps:
            if step.get("value") is None or value >= step["value"]:
                colour = step["color"]
        return TEXT if colour == "text" else str(colour)

    def _mapped(self, value: float) -> Json | None:
        for mapping in self.mappings:
            found: Json | None = mapping["options"].get(f"{value:g}")
            if found:
                return found
        return None


def look(panel: Json, name: str, ref: str) -> Look:
    """Give the look of the field ``name`` that the query ``ref`` gave."""
    config = panel.get("fieldConfig", {})
    defaults: Json = dict(config.get("defaults", {}))
    custom = dict(defaults.get("custom", {}))
    for override in config.get("overrides", []):
        matcher = override["matcher"]
        if not _meant(matcher, name, ref):
            continue
        for one in override["properties"]:
            if one["id"].startswith("custom."):
                custom[one["id"].removeprefix("custom.")] = one["value"]
            else:
                defaults[one["id"]] = one["value"]
    colour = defaults.get("color", {})
    return Look(
        unit=defaults.get("unit", "short"),
        decimals=defaults.get("decimals"),
        mappings=defaults.get("mappings", []),
        steps=defaults.get("thresholds", {}).get("steps", []),
        custom=custom,
        fixed=colour.get("fixedColor") if colour.get("mode") == "fixed" else None,
        links=bool(defaults.get("links")),
    )


def _meant(matcher: Json, name: str, ref: str) -> bool:
    kind, options = matcher["id"], matcher.get("options")
    if kind == "byName":
        return bool(options == name)
    if kind == "byFrameRefID":
        return bool(options == ref)
    return bool(kind == "byRegexp")


def called(legend: str, labels: Mapping[str, str]) -> str:
    """Name a series by its legend."""
    if not legend:
        return ", ".join(f"{key}={value}" for key, value in labels.items() if key != "__name__")
    return _CALLED.sub(lambda found: labels.get(found[1], ""), legend).strip()


def shown(value: float, unit: str, decimals: int | None, now_s: float) -> str:
    """Write a value in its unit."""
    if unit.startswith("dateTime"):
        return _moment(value / 1000, now_s, ago=unit == "dateTimeFromNow")
    if unit == "percentunit":
        return f"{value * 100:.{1 if decimals is None else decimals}f}%"
    if unit == "s":
        return _seconds(value, decimals)
    if unit == "bytes":
        return f"{value / _BYTES**2:.0f} MiB"
    scale, prefix = _prefix(value) if unit in _SCALED else (1.0, "")
    number = f"{value / scale:.{'3g' if decimals is None else f'{decimals}f'}}"
    return f"{number} {prefix}{_SCALED.get(unit, _UNITS.get(unit, ''))}".strip()


def _prefix(value: float) -> tuple[float, str]:
    """Give the thousands that Grafana scales a value of such a unit by, and their letter."""
    if not abs(value) > 0.0:
        return 1.0, ""
    return next((one for one in _PREFIXES if abs(value) >= one[0]), _PREFIXES[-1])


def _seconds(value: float, decimals: int | None) -> str:
    if decimals is None:
        decimals = 0 if abs(value) >= 10 else 2  # noqa: PLR2004 - two figures are enough
    if abs(value) < 1 and value != 0:
        return f"{value * 1000:.{0 if abs(value) >= 0.01 else 1}f} ms"  # noqa: PLR2004
    for size, word in ((86400 * 365.25, "years"), (86400, "days"), (3600, "hours"), (60, "mins")):
        if abs(value) >= 2 * size:
            return f"{value / size:.1f} {word}"
    return f"{value:.{decimals}f} s"


def _moment(at_s: float, now_s: float, *, ago: bool) -> str:
    if ago:
        return f"{_seconds(max(0.0, now_s - at_s), 0)} ago"
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
