"""The owner of a file on disk: the server and the account that the file was created for.

The server is stored in plain text. The account and its owner are stored as a fingerprint, which does not reveal an
address.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

SIMULATED = "a simulated server"
"""The server name of every client whose transport answers inside the process, whatever its base URL says."""

SERVER = "server"


class Difference(NamedTuple):
    """A value that differs between a file and the current program."""

    name: str
    known: Any
    given: Any

    @property
    def servers(self) -> str | None:
        """A message that names both servers if they differ; None if something else differs."""
        if self.name != SERVER:
            return None
        return f"was begun with {self.known or 'no server'}, and this is for {self.given or 'no server'}"


def identity(server: str, account: str) -> dict[str, Any]:
    """Return the identity to store in a file; the server is first, so that a different server is reported first."""
    return {SERVER: server, "account": mark_of(account)}


def mark_of(name: str | None) -> str | None:
    """Return a fingerprint of a name that must not be stored itself."""
    return None if name is None else sha256(name.encode()).hexdigest()[:16]


def difference(known: Mapping[str, Any], given: Mapping[str, Any]) -> Difference | None:
    """Return the first value that differs, or None."""
    for name in {**known, **given}:
        if known.get(name) != given.get(name):
            return Difference(name, known.get(name), given.get(name))
    return None
