"""Every key that says what a battery or a type of cell is; they stand in the one file, too."""

from agent.config import measures
from agent.config.curves import CurveOf
from agent.config.kinds import choice, integer, measure, one_of
from agent.config.sections import Key, Section
from agent.config.words import DATE, DURATION, NAME, NOTE, PLACE
from agent.health.library import entries as library
from agent.model import Chemistry

_CELL_VOLTS = measure(measures.VOLTAGE)
CHEMISTRY = Key("chemistry", one_of(Chemistry), "Cell chemistry.")
SERIES = Key("series", integer(1, 1000), "Cells (or blocks) in series.")
PARALLEL = Key("parallel", integer(1, 1000), "Cells in parallel in each of them.")
RATED_CAPACITY = Key(
    "rated_capacity", measure(measures.CAPACITY), "Capacity of the whole battery when new."
)
RATED_POWER = Key(
    "rated_power", measure(measures.POWER), "Discharge power that the unit must carry."
)
REQUIRED_SECONDS = Key("required_seconds", DURATION, "How long it must carry that power.")
CELL_CUTOFF = Key("cell_cutoff", _CELL_VOLTS, "Voltage of a cell at which it is empty.")
CELL_FLOAT = Key("cell_float", _CELL_VOLTS, "Voltage of a cell in standby.")
CELL_MAX = Key("cell_max", _CELL_VOLTS, "Highest voltage that a cell may have.")
RESISTANCE = Key(
    "resistance",
    measure(measures.RESISTANCE),
    "Resistance of a new series cell over 10 s at 25 degC.",
)
BALANCE_CURRENT = Key(
    "balance_current",
    measure(measures.CURRENT),
    "What the balancer takes from a cell that it bleeds; without it 2 mA for each Ah.",
)
CELL = Key(
    "cell",
    NAME,
    "Type of its cells: a name under cells, or of the library (`bbu-agent chemistries`).",
)
COMMISSIONED = Key(
    "commissioned",
    DATE,
    "When the cells were new; without it their age is unknown, unless the device tells.",
)
LOT = Key(
    "lot",
    PLACE,
    "Lot that its cells are of; units of one lot share what they learn. Without it maker, model "
    "and month of manufacture tell, where the device does.",
)
BATTERY = Section(
    "battery",
    "a battery",
    (
        *(CHEMISTRY, CELL, SERIES, PARALLEL, RATED_CAPACITY, RATED_POWER, REQUIRED_SECONDS),
        *(CELL_CUTOFF, CELL_FLOAT, CELL_MAX, RESISTANCE, BALANCE_CURRENT, COMMISSIONED, LOT),
    ),
)

CELL_LIKE = Key(
    "like",
    choice({name: name for name in sorted(library())}),
    "Type of the library that it ages like; `bbu-agent chemistries` lists them.",
    required=True,
)
CELL_CAPACITY = Key("capacity", measure(measures.CAPACITY), "Rated capacity of one cell.")
CELL_OCV = Key(
    "ocv",
    CurveOf(measure(measures.RATIO), _CELL_VOLTS, "a mapping of charge to volts", rising=True),
    "Open-circuit voltage of a new cell by state of charge, from 0 % to 100 %.",
)
CELL_RESISTANCE_BY_CHARGE = Key(
    "resistance_by_charge",
    CurveOf(
        measure(measures.RATIO),
        measure(measures.FACTOR),
        "a mapping of charge to ratios",
        rising=False,
        lowest=0.2,
    ),
    "Its resistance by state of charge, over that at full charge, from 20 % or less to 100 %.",
)
CELL_SOURCE = Key("source", NOTE, "Where the figures are from, for people.")
CELL_SECTION = Section(
    "cell",
    "a type of cell",
    (
        *(CELL_LIKE, CELL_CAPACITY, RESISTANCE, CELL_CUTOFF, CELL_FLOAT, CELL_MAX),
        *(CELL_OCV, CELL_RESISTANCE_BY_CHARGE, CELL_SOURCE),
    ),
)
