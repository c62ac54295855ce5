"""An estimate in three families: itself and the two ends of its 90 % interval."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.export.metrics.exposition import Page
from agent.export.metrics.families import Family, Shape
from agent.model import Interval

ESTIMATE = ".6g"
"""How an estimate is written: six digits are a thousand times finer than its interval, and with
all seventeen every scrape would bring another value."""


@dataclass(frozen=True, slots=True)
class Band:
    """Three families for an estimate and the two ends of its 90 % interval."""

    estimate: Family
    lower: Family
    upper: Family

    def put(self, page: Page, labels: tuple[str, ...], interval: Interval | None) -> None:
        """Add the three samples of ``interval``, or none."""
        if interval is not None:
            page.add_row((self.estimate, self.lower, self.upper), labels, interval)

    def __iter__(self) -> Iterator[Family]:
        return iter((self.estimate, self.lower, self.upper))


def make_band(stem: str, unit: str, text: str, *labels: str, of_unit: bool = True) -> Band:
    """Make the families of an estimate; ``of_unit`` gives them the label of a unit."""
    own = ("unit", *labels) if of_unit else labels
    form = "" if unit.startswith("timestamp_") else ESTIMATE

    def family(end: str, suffix: str) -> Family:
        name, base = f"{stem}{end}_{unit}", unit.removeprefix("timestamp_")
        return Family(name, Shape.GAUGE, text + suffix, own, base, form=form)

    return Band(
        family("", ""),
        family("_lower", " Lower end of the 90 % interval."),
        family("_upper", " Upper end of the 90 % interval."),
    )
