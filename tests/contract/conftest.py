"""The loops in which contracts are held."""

import pytest

from tests.contract.patient import Loops, loops

TIMED = ("test_modbus_links", "test_scan", "test_snmp_engines")
"""The tests that say how long a silence is waited for."""


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Loops:
    """Run them by a clock that a busy machine does not move."""
    del config
    return loops(item, TIMED)
