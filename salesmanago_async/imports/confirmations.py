"""How many confirmation e-mails the server may send because of a run; counted in a dry run. Pure: no I/O, no time.

If double opt-in is on, the server sends an e-mail to each contact that is to be opted in and is not opted in yet. A new
contact is opted in unless the record has forceOptOut. Only the server knows which contacts are new, or opted in
already, so both counts are upper bounds.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from attrs import define


@define
class Confirmations:
    """`asked` counts records with forceOptIn; `if_new` counts the others that get an e-mail if the contact is new."""

    asked: int = 0
    if_new: int = 0

    def add(self, items: Iterable[bytes]) -> None:
        """Count the entries of upsertDetails; each is a JSON object as bytes."""
        for body in map(orjson.loads, items):
            if body.get("forceOptOut"):
                continue
            if body.get("forceOptIn"):
                self.asked += 1
            else:
                self.if_new += _can_be_new(body)


def _can_be_new(body: Mapping[str, Any]) -> bool:
    """Return whether a record can create a contact; a record that names its contact by id cannot."""
    return "email" in body["contact"]
