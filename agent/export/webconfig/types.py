"""What a web configuration file says, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext

from agent.targets import Secret


@dataclass(frozen=True, slots=True)
class WebConfig:
    """One web configuration file.

    ``context`` is None where plain HTTP is served; ``users`` holds bcrypt hashes by name, and
    empty lets everybody in. ``files`` are those whose change makes this one outdated.
    """

    context: SSLContext | None = None
    users: Mapping[str, Secret] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
