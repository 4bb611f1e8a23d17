"""Whose a file on the disk is: the account and the server that it was begun for, by which it is known again.

The server is named in the clear, the account and its owner by a mark, from which nobody reads an address.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

SIMULATED = "a simulated server"
"""The server of every client whose transport answers inside the process, whatever its base URL says."""

SERVER = "server"


class Difference(NamedTuple):
    """What is given otherwise than a file knows it."""

    name: str
    known: Any
    given: Any

    @property
    def servers(self) -> str | None:
        """Say both servers, where it is these that differ; None where it is something else."""
        if self.name != SERVER:
            return None
        return f"was begun with {self.known or 'no server'}, and this is for {self.given or 'no server'}"


def identity(server: str, account: str) -> dict[str, Any]:
    """Return whose a file is, as it is written down: the server first, as that is said first where both differ."""
    return {SERVER: server, "account": mark_of(account)}


def mark_of(name: str | None) -> str | None:
    """Return by what a name is known again that is not written down."""
    return None if name is None else sha256(name.encode()).hexdigest()[:16]


def difference(known: Mapping[str, Any], given: Mapping[str, Any]) -> Difference | None:
    """Return the first thing that differs, None where nothing does."""
    for name in {**known, **given}:
        if known.get(name) != given.get(name):
            return Difference(name, known.get(name), given.get(name))
    return None
