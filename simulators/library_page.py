"""The table of the bundled scenarios in docs/simulators.md, made from the scenarios. Pure."""

from simulators import scenario_file

BEGIN = "<!-- library: made by deploy/scripts/scenario-reference.py -->"
END = "<!-- end of library -->"


def with_library(page: str) -> str:
    """Give ``page`` with the table between its two marks written again."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{_table()}{END}{after}"


def _table() -> str:
    rows = ["| scenario | units | what is in it |", "|---|---|---|"]
    for name in scenario_file.names():
        scenario = scenario_file.load(name)
        units = sum(part.count for part in scenario.units) + len(scenario.ups)
        rows.append(f"| `{name}` | {units:,} | {scenario.about} |")
    return "\n".join(rows) + "\n"
