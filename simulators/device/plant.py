"""What of a module's hardware works, apart from its cells."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Plant:
    """The parts of a module that faults break and repairs mend.

    ``bleeding`` are the elements (counted from 0) whose balancing resistor is stuck on.
    ``present`` is False while the module is out of its slot.
    """

    present: bool = True
    charger: bool = True
    fan: bool = True
    bleeding: set[int] = field(default_factory=set)
