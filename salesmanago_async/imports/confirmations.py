"""How many confirmation e-mails a run may have the server send: counted in a dry run. Pure: no I/O, no time.

Where double opt-in is on, the server mails a contact that is to be opted in and is not yet. A contact that is new is
opted in unless the record says forceOptOut. Who is new, or opted in already, only the server knows: so both counts are
what is sent at most.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from attrs import define


@define
class Confirmations:
    """`asked` are the records with forceOptIn; `if_new` those without it that get an e-mail if their contact is new."""

    asked: int = 0
    if_new: int = 0

    def add(self, items: Iterable[bytes]) -> None:
        """Count the entries of upsertDetails, each given as its JSON object."""
        for body in map(orjson.loads, items):
            if body.get("forceOptOut"):
                continue
            if body.get("forceOptIn"):
                self.asked += 1
            else:
                self.if_new += _can_be_new(body)


def _can_be_new(body: Mapping[str, Any]) -> bool:
    """Tell whether a record can make a contact: one that is named by its id is there already."""
    return "email" in body["contact"]
