"""How many files the process may open: each network unit holds a socket, each client one more."""

import resource

MOST_FILES = 65_536
"""Far more than the largest fleet of one agent needs, and no table of a kernel that is large."""


def raise_file_limit() -> None:
    """Raise the soft limit of open files as far as the system lets us, up to ``MOST_FILES``.

    A login shell and systemd give 1024 to begin with (kept that low for programs that use
    select(2), which this is not), and a fleet of a thousand network units needs more.
    """
    try:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        # Under systemd the call is filtered out; there LimitNOFILE= of the service says it.
        return
