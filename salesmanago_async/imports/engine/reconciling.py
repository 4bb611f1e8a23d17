"""Where events in doubt are reconciled: their contacts are read back, to find which events are there."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from attrs import define

from ...connection.connection import Connection
from ...errors import Refused, SalesManagoError, Unreadable
from ...jobs import worth_another_poll
from ...outcome import STOPPED, Verdicts
from ..settings import InDoubt
from .batches import Batch, Batches
from .chunks import Chunk
from .matching import Recorded, Sorted, recorded, sort_out
from .run_control import RunControl
from .steps import Reconcile, Refusal, Settle, Step, after_reading_back

MOST_NAMED = 50
"""The most addresses that contact/list takes at once, and ids that contact/listById does."""


@define(eq=False)
class PendingReconciliation:
    """A parcel of events of which nobody knows whether they arrived; `found` is what the last reading back found."""

    batch: Batch
    refusal: Refusal | None = None
    found: Sorted | None = None
    failed_polls: int = 0


class Reconciler:
    """Reads contacts back; each reading returns the next step, or None where they are to be read once more."""

    def __init__(
        self, *, connection: Connection, owner: str | None, batches: Batches, control: RunControl, in_doubt: InDoubt
    ) -> None:
        self._connection = connection
        self._owner = {"owner": owner} if owner else {}
        self._batches = batches
        self._control = control
        self._in_doubt: InDoubt = in_doubt
        self._refusals_are_whole = False

    def inquiry(self, batch: Batch, step: Reconcile) -> PendingReconciliation:
        """Return what is read back for a parcel, which will wait for that."""
        self._batches.spill(batch)
        return PendingReconciliation(batch, step.refusal)

    async def read_back(self, inquiry: PendingReconciliation) -> Step | None:
        """Find out which events are there.

        What is missing may still be on its way, so two readings in a row must agree. A refusal is an answer: once two
        readings have shown that the server makes nothing of what it refuses, one is enough.
        """
        chunk = self._batches.unpack(inquiry.batch)
        if not self._control.is_following:
            return _unknown(f"{STOPPED}{self._control.because}")
        try:
            names = [record.names for record in chunk.records()]
            bodies = [orjson.loads(item) for item in chunk.items]
            found = sort_out(names, [body["contactEvent"] for body in bodies], await self._contacts(bodies))
        except SalesManagoError as error:
            return self._after_error(inquiry, chunk, error)
        inquiry.failed_polls = 0
        if not (self._is_final(inquiry, found) or len(found.there) == len(chunk)):
            inquiry.found = found
            return None
        self._note_refusal(inquiry, chunk, found)
        return after_reading_back(found, inquiry.refusal, self._in_doubt)

    def _is_final(self, inquiry: PendingReconciliation, found: Sorted) -> bool:
        is_whole = inquiry.refusal is not None and self._refusals_are_whole and not (found.there or found.undecided)
        return is_whole or found == inquiry.found

    def _note_refusal(self, inquiry: PendingReconciliation, chunk: Chunk, found: Sorted) -> None:
        if inquiry.refusal:
            self._refusals_are_whole = len(found.missing) == len(chunk)

    def _after_error(self, inquiry: PendingReconciliation, chunk: Chunk, error: SalesManagoError) -> Step | None:
        """Read again later; where the server refuses to show contacts, nobody can ever tell."""
        inquiry.failed_polls += 1
        if self._control.is_following and worth_another_poll(error, inquiry.failed_polls):
            return None
        if isinstance(error, Refused):
            reason = _UNKNOWN.format(error)
            everything = Sorted(undecided=dict.fromkeys(range(len(chunk)), reason))
            return after_reading_back(everything, inquiry.refusal, self._in_doubt)
        return _unknown(str(error))

    async def _contacts(self, bodies: Sequence[Mapping[str, Any]]) -> Recorded:
        """Return the events of the contacts, asked for 50 at a time (reference: "Export Contacts by email address").

        They are named to the server in the spelling in which it was sent their events.
        """
        contacts: list[Any] = []
        unavailable: list[Any] = []
        for path, field in (("contact/list", "email"), ("contact/listById", "contactId")):
            asked = list(dict.fromkeys(body[field] for body in bodies if field in body))
            for start in range(0, len(asked), MOST_NAMED):
                body = {**self._owner, field: asked[start : start + MOST_NAMED]}
                answer = await self._connection.call(path, body)
                contacts += _contacts_of(answer)
                unavailable += answer.get("unavailableContacts") or ()
        return recorded(contacts, unavailable)


def _contacts_of(answer: Mapping[str, Any]) -> list[Any]:
    found = answer.get("contacts")
    if not isinstance(found, list):
        raise Unreadable("the server's answer has no list of contacts")
    return found


_UNKNOWN = "no answer came, and whether it is there could not be found out: {}"


def _unknown(why: str) -> Step:
    return Settle(Verdicts("in_doubt", _UNKNOWN.format(why)))
