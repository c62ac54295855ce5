"""A fleet of network units holds a socket each: more than a process is given to begin with."""

import errno
import resource
from collections.abc import Iterator

import pytest

from agent.limits import MOST_FILES, raise_file_limit
from agent.targets import Community, Secret, SnmpHost
from agent.transport.advice import advise


@pytest.fixture
def hard() -> Iterator[int]:
    """Give the hard limit of open files, with a low soft one for the time of the test."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_limit_of_open_files_is_raised(hard: int) -> None:
    raise_file_limit()
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (wanted, hard)


@pytest.mark.usefixtures("hard")
def test_a_system_that_forbids_it_is_borne(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_which: int) -> tuple[int, int]:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patched:
        patched.setattr(resource, "getrlimit", forbidden)
        raise_file_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 1024


def test_a_device_is_not_blamed_for_the_agents_own_limit() -> None:
    target = SnmpHost("10.1.3.20", Community(Secret("public")))
    told = advise(target, OSError(errno.EMFILE, "Too many open files"))
    assert "LimitNOFILE" in told
    assert "address" not in told
