"""Secrets from files and the environment. No message ever holds one."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.config.problems import shown
from agent.config.sections import Entry, Key
from agent.targets import Secret

_LONGEST = 1024
_SYSTEMD_FOLDER = "CREDENTIALS_DIRECTORY"


@dataclass(frozen=True, slots=True)
class Sources:
    """Where secrets may come from: ``folder`` is the configuration file's own."""

    folder: Path
    environ: Mapping[str, str]

    def find(self, name: str) -> Path:
        """Give the path of a secret file; systemd's credentials serve where none can be read.

        systemd names the credential that it made of the file ``secrets/key`` ``secrets_key``.
        """
        own = self.folder / name
        systemd = self.environ.get(_SYSTEMD_FOLDER)
        if systemd is None or _readable(own):
            return own
        given = Path(systemd) / name.replace("/", "_")
        return given if _readable(given) else own


def _readable(path: Path) -> bool:
    return os.access(path, os.R_OK, effective_ids=True)


def read_secret(
    entry: Entry, file_key: Key[str], env_key: Key[str], sources: Sources
) -> Secret | None:
    """Read the secret that ``file_key`` or ``env_key`` of ``entry`` points to.

    None where neither is given or after noting why there is none.
    """
    given = entry.given(file_key, env_key)
    if len(given) > 1:
        entry.error(f"stands beside {given[0]}; give one of them", given[1])
        return None
    file, variable = entry.get(file_key), entry.get(env_key)
    if file is not None:
        return _from_file(entry, file_key.name, sources.find(file))
    if variable is None:
        return None
    value = sources.environ.get(variable)
    if value is None:
        entry.error(f"the environment variable {variable} is not set", env_key.name)
        return None
    return _checked(entry, env_key.name, f"the environment variable {variable}", value)


def _from_file(entry: Entry, key: str, path: Path) -> Secret | None:
    where = f"the file {shown(str(path))}"
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            entry.error(f"{where} is not a file", key)
            return None
        with path.open("rb") as stream:
            text = stream.read(_LONGEST + 1).decode("utf-8")
    except FileNotFoundError:
        entry.error(f"{where} does not exist", key)
    except PermissionError:
        entry.error(f"{where} may not be read by this user", key)
    except OSError as error:
        entry.error(f"{where} cannot be read: {error.strerror}", key)
    except ValueError:
        # UnicodeDecodeError carries the bytes: it is not shown and not chained.
        entry.error(f"{where} is not UTF-8 text", key)
    else:
        if status.st_mode & stat.S_IROTH:
            entry.warn(f"{where} can be read by every user; chmod o= it", key)
        return _checked(entry, key, where, text.rstrip("\r\n"))
    return None


def _checked(entry: Entry, key: str, where: str, text: str) -> Secret | None:
    if not text:
        entry.error(f"{where} is empty", key)
    elif len(text) > _LONGEST:
        entry.error(f"{where} is longer than {_LONGEST} characters; it should hold one secret", key)
    elif "\n" in text or "\r" in text or "\0" in text:
        entry.error(f"{where} holds more than one line; it should hold one secret", key)
    else:
        return Secret(text)
    return None
