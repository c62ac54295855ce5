"""The generated tables of docs/estimator.md."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.benchmarks.accuracy_refit import conformal

Row = Mapping[str, Any]
COLUMNS = {
    "soh_q_mae_pp": "SoH MAE",
    "soh_q_p95_pp": "p95",
    "soh_q_cov90": "cover %",
    "soh_q_width_pp": "width",
    "soh_r_mae_pct": "R MAE %",
    "soh_r_cov90": "R cover %",
    "ride_mape_pct": "ride MAPE %",
    "ride_cov90": "ride cover %",
    "false_alarm_cells": "false alarms",
}
CALIBRATIONS = {
    "filter": "as it ships",
    "refit": "fitted to all modules (in-sample)",
    "without the module": "leave one module out",
    "without the chemistry": "leave one chemistry out",
    "nothing published": "leave one chemistry out, and what is published of it",
    "prior": "no evidence at all (prior only)",
}
SHORT_LEAST_A, SHORT_DAYS, DRIFT_DAYS, WELD_DAYS, WEAK_TEST_DAYS = 0.002, 45, 400, 120, 100


def parts(results: Sequence[Row]) -> dict[str, str]:
    """Give every generated part of the page by its name."""
    modules = [row for row in results if row["table"] == "filter"]
    found = {
        "modules": module_table(modules),
        "chemistries": chemistry_table(modules),
        "targets": target_table(modules, results),
        "worst": worst(modules),
        "cost": cost(modules),
        "calibration": calibration_table(results),
        "real": real_table(results),
    }
    return {name: text for name, text in found.items() if text}


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _mean(rows: Iterable[Row], key: str) -> float:
    values = [row["score"][key] for row in rows if isinstance(row["score"].get(key), int | float)]
    return float(np.mean(values)) if values else float("nan")


def _faults(row: Row) -> str:
    texts = []
    for fault in row["score"]["faults"]:
        delay = "missed" if fault["delay_d"] is None else f"{fault['delay_d']} d"
        texts.append(f"{fault['kind']} {fault['cell']}: {delay}")
    return ", ".join(texts)


def module_table(rows: Sequence[Row]) -> str:
    """Give one line for each module, and their mean."""
    body = [
        [row["module"], *(row["score"].get(key, "") for key in COLUMNS), _faults(row)]
        for row in rows
    ]
    body.append(["**mean**", *(_mean(rows, key) for key in COLUMNS), ""])
    return _table(["module", *COLUMNS.values(), "faults: days to the alarm"], body)


def chemistry_table(rows: Sequence[Row]) -> str:
    """Give the means of each chemistry."""
    keys = list(COLUMNS)[:8]
    body = []
    for name in sorted({row["chemistry"] for row in rows}):
        held = [row for row in rows if row["chemistry"] == name]
        body.append([name, len(held), *(_mean(held, key) for key in keys)])
    return _table(["chemistry", "modules", *(COLUMNS[key] for key in keys)], body)


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the targets: what was asked, what was reached, and whether that is enough."""

    what: str
    asked: str
    reached: str
    met: bool | None

    def cells(self) -> list[str]:
        """Give the cells of the line; None is what this data cannot show."""
        verdict = "not measured here" if self.met is None else "**not met**"
        return [self.what, self.asked, self.reached, "met" if self.met else verdict]


def target_table(modules: Sequence[Row], results: Sequence[Row]) -> str:
    """Lay what was asked beside what was reached, on the development data."""
    targets = [*_state_targets(modules), *_fault_targets(modules), *_outlook_targets(modules)]
    targets += _real_targets(results)
    return _table(["metric", "target", "reached", ""], [target.cells() for target in targets])


def _state_targets(modules: Sequence[Row]) -> Iterable[Target]:
    mae, tail = _mean(modules, "soh_q_mae_pp"), _mean(modules, "soh_q_p95_pp")
    worst_mae = max(row["score"]["soh_q_mae_pp"] for row in modules)
    cover, width = _mean(modules, "soh_q_cov90"), _mean(modules, "soh_q_width_pp")
    least = min(
        _mean([row for row in modules if row["chemistry"] == name], "soh_q_cov90")
        for name in {row["chemistry"] for row in modules}
    )
    growth, held = _mean(modules, "soh_r_mae_pct"), _mean(modules, "soh_r_cov90")
    yield Target(
        "SoH MAE / p95, points",
        "<= 1.9 / <= 4.5",
        f"{mae:.2f} / {tail:.2f}",
        met=mae <= 1.9 and tail <= 4.5,
    )
    yield Target("worst module MAE", "<= 3.5", f"{worst_mae:.2f}", met=worst_mae <= 3.5)
    yield Target(
        "interval coverage; every chemistry",
        "86-95 %; >= 80 %",
        f"{cover:.1f} %; {least:.1f} %",
        met=86 <= cover <= 95 and least >= 80,
    )
    yield Target("interval width, points", "<= 7.5", f"{width:.2f}", met=width <= 7.5)
    yield Target(
        "resistance MAE; coverage",
        "<= 2.0 %; >= 85 %",
        f"{growth:.2f} %; {held:.1f} %",
        met=growth <= 2.0 and held >= 85,
    )


def _delays(modules: Sequence[Row], *kinds: str) -> list[int | None]:
    return [f["delay_d"] for row in modules for f in row["score"]["faults"] if f["kind"] in kinds]


def _fault_target(what: str, asked: str, delays: Sequence[int | None], most_days: float) -> Target:
    said = ", ".join("missed" if d is None else f"{d} d" for d in delays) or "none in the data"
    met = None
    if delays:
        met = all(d is not None and d <= most_days for d in delays)
    return Target(what, asked, said, met)


def _fault_targets(modules: Sequence[Row]) -> Iterable[Target]:
    yield _fault_target(
        "open parallel cell", "next test", _delays(modules, "weak_open"), WEAK_TEST_DAYS
    )
    yield _fault_target("growing weld", "<= 120 d", _delays(modules, "weld"), WELD_DAYS)
    yield _fault_target("micro-short", "<= 45 d", _delays(modules, "short"), SHORT_DAYS)
    yield _fault_target("cell voltage drift", "<= 400 d", _delays(modules, "vdrift"), DRIFT_DAYS)
    yield from _gain_targets(modules)
    false = sum(row["score"]["false_alarm_cells"] for row in modules)
    cells = sum(row["score"]["cells"] for row in modules)
    yield Target(
        "false alarm cells in 5 years",
        "<= 1 per 100",
        f"{false} of {cells}",
        met=100 * false <= cells,
    )


def _gain_targets(modules: Sequence[Row]) -> Iterable[Target]:
    """What was asked is an alarm within two events, or intervals that are wide enough for it."""
    delays = _delays(modules, "igain")
    found = [one for row in modules for one in row["gain"]]
    for delay_d, (events, tests, inside) in zip(delays, found, strict=True):
        when = "missed" if delay_d is None else f"{delay_d} d"
        yield Target(
            "current gain 2 %",
            "within 2 events, or intervals that hold it",
            f"{when}: event {events}, self-test {tests}; {100 * inside:.0f} % inside until then",
            met=events <= 2 or inside >= 0.9,
        )


def _outlook_targets(modules: Sequence[Row]) -> Iterable[Target]:
    mape, cover = _mean(modules, "ride_mape_pct"), _mean(modules, "ride_cov90")
    missed = sum(row["score"].get("ride_missed_fail(p>0.9)", 0) for row in modules)
    fails = sum(row["score"].get("ride_fails", 0) for row in modules)
    yield Target(
        "ride-through MAPE; coverage",
        "<= 4 %; 86-96 %",
        f"{mape:.2f} %; {cover:.1f} %",
        met=mape <= 4 and 86 <= cover <= 96,
    )
    yield Target("failures missed at p > 0.9", "0", f"{missed} of {fails}", met=missed == 0)
    held = [row["forecast"]["2.5"] for row in modules if "2.5" in row["forecast"]]
    weights = [one[3] for one in held]
    error, cover, width = (
        float(np.average([one[n] for one in held], weights=weights)) for n in range(3)
    )
    yield Target(
        "forecast 2.5 years ahead: MAE; width; coverage",
        "<= 3.0; <= 12; 85-97 %",
        f"{error:.2f}; {width:.1f}; {cover:.1f} %",
        met=error <= 3 and width <= 12 and 85 <= cover <= 97,
    )


def _scored(rows: Iterable[Row], above: float) -> tuple[int, float, float, float]:
    """Give number, MAE, coverage (%) and width over the true values above a share."""
    held = [one for row in rows for one in row["rows"] if one["true"] > above]
    if not held:
        return 0, float("nan"), float("nan"), float("nan")
    error = np.mean([abs(one["estimate"] - one["true"]) for one in held])
    cover = np.mean([one["lower"] <= one["true"] <= one["upper"] for one in held])
    width = np.mean([one["upper"] - one["lower"] for one in held])
    return len(held), float(error), 100 * float(cover), float(width)


def _real(results: Sequence[Row], *series: str) -> list[Row]:
    return [row for row in results if row["table"] == "real" and row["series"] in series]


def _real_targets(results: Sequence[Row]) -> Iterable[Target]:
    for name, series in (
        ("Sanyo 030", ("Sanyo 030",)),
        ("ISEA", ("ISEA",)),
        ("both together", ("Sanyo 030", "ISEA")),
    ):
        rows = _real(results, *series)
        (_, high, cover, width), (_, all_of, _, _) = _scored(rows, 0.8), _scored(rows, 0.5)
        met = 100 * high <= 0.8 and 100 * all_of <= 1.4 and cover >= 85 and 100 * width <= 8
        yield Target(
            f"real NMC cells ({name}), SoH > 0.8 / > 0.5; coverage; width",
            "<= 0.8 / <= 1.4; >= 85 %; <= 8",
            f"{100 * high:.2f} / {100 * all_of:.2f}; {cover:.0f} %; {100 * width:.1f}",
            met=met,
        )
    _, _, cover, _ = _scored(_real(results, "NASA"), 0.0)
    yield Target("real NASA cells: coverage", ">= 80 %", f"{cover:.0f} %", met=cover >= 80)


def worst(modules: Sequence[Row]) -> str:
    """Name the cells that the estimator got most wrong."""
    found = []
    for row in modules:
        pairs = {key: np.array(values) for key, values in row["pairs"].items()}
        for cell in np.unique(pairs["cell"]):
            own = pairs["cell"] == cell
            true, said = pairs["soh_q"][own], pairs["q"][own]
            inside = (true >= pairs["q_lo"][own]) & (true <= pairs["q_hi"][own])
            error = said - true
            far = int(np.argmax(np.abs(error)))
            year = (pairs["time_s"][own][far] - pairs["time_s"].min()) / (365.25 * 86400)
            found.append(
                (
                    100 * float(np.mean(np.abs(error))),
                    row["module"],
                    int(cell),
                    100 * float(inside.mean()),
                    f"{100 * error[far]:+.1f} (true {100 * true[far]:.1f}) in year {year:.1f}",
                )
            )
    rows = [
        [module, cell, round(mae, 2), round(cover, 0), far]
        for mae, module, cell, cover, far in sorted(found, reverse=True)[:8]
    ]
    return _table(["module", "cell", "MAE", "cover %", "largest error, points"], rows)


def cost(modules: Sequence[Row]) -> str:
    """Say what five module-years cost in CPU time, and how large a state gets."""
    timed = [row for row in modules if "cpu_s" in row]
    if not timed:
        return ""
    low, high = (pick(row["cpu_s"] for row in timed) for pick in (min, max))
    each = np.mean([1e6 * row["cpu_s"] / row["rows"] for row in timed])
    largest = max(row["state_bytes"] for row in timed)
    return (
        f"Cost, reading, estimating and the rows of the tables together: {low:.1f} to {high:.1f} s "
        f"of CPU for five module-years, {each:.0f} microseconds a sample; the largest state has "
        f"{largest / 1024:.0f} KB.\n"
    )


def calibration_table(results: Sequence[Row]) -> str:
    """Lay the calibrations side by side; empty where only the shipped one was run."""
    tables = {name: [row for row in results if row["table"] == name] for name in CALIBRATIONS}
    if not tables["without the module"]:
        return ""
    keys = (
        "soh_q_mae_pp",
        "soh_q_p95_pp",
        "soh_q_cov90",
        "soh_q_width_pp",
        "soh_r_mae_pct",
        "ride_mape_pct",
    )
    body = []
    for name, rows in tables.items():
        highest = max(row["score"]["soh_q_mae_pp"] for row in rows)
        body.append([CALIBRATIONS[name], *(_mean(rows, key) for key in keys), highest])
    text = _table(["calibration", *(COLUMNS[key] for key in keys), "worst module MAE"], body)
    ratios = {row["module"]: row["ratios"] for row in tables["filter"]}
    factors = conformal(ratios)
    lines = [[name, *values] for name, values in factors.items()]
    return (
        text
        + (
            "\nFactor on the widths that would have given 90 % on the other modules, and what it "
            "gives on the module itself (leave-one-module-out conformal; not applied):\n\n"
        )
        + _table(["module", "factor", "cover %"], lines)
    )


def real_table(results: Sequence[Row]) -> str:
    """Give the real cells: by series, and the NASA cells one by one."""
    body: list[list[object]] = []
    for series in ("Sanyo 030", "ISEA"):
        rows = _real(results, series)
        name = f"{series}, {len(rows)} cell{'s' * (len(rows) > 1)}"
        body += [_line(name, f"> {above:.2f}", rows, above) for above in (0.8, 0.65, 0.5)]
    for series, name in (
        ("Naumann", "Naumann LFP calendar, 17 conditions"),
        ("Geisbauer", "Geisbauer LFP, 60 degC"),
    ):
        body.append(_line(name, "all", _real(results, series), 0.0))
    whole = _real(results, "Samsung 30Q capacity")
    if whole:
        body.append(_line("Samsung 30Q, capacity after one whole discharge", "0.85", whole, 0.0))
    body += [_line(f"NASA {row['cell']}", "all", [row], 0.0) for row in _real(results, "NASA")]
    text = _table(["cells", "true SoH", "tests", "MAE, points", "cover %", "width"], body)
    read_off = _real(results, "ISEA read off")
    if read_off:
        young, old = (100 * _scored(read_off, above)[1] for above in (0.8, 0.5))
        text += (
            f"\nISEA without any filter, each pulse read off the curve of the other cells: "
            f"{young:.2f} points above 0.80, {old:.2f} above 0.50.\n"
        )
    rides = [one for row in _real(results, "Samsung 30Q") for one in row["rows"]]
    if rides:
        error = 100 * np.mean([abs(one["estimate"] / one["true"] - 1) for one in rides])
        inside = sum(one["lower"] <= one["true"] <= one["upper"] for one in rides)
        text += (
            f"\nSamsung 30Q: the time left, foretold after 60 % of {len(rides)} discharges at 2C "
            f"to 4C: {error:.1f} % mean error, {inside} of {len(rides)} within the 90 % interval.\n"
        )
    return text


def _line(name: str, of: str, rows: Sequence[Row], above: float) -> list[object]:
    count, error, cover, width = _scored(rows, above)
    return [name, of, count, round(100 * error, 2), round(cover), round(100 * width, 1)]
