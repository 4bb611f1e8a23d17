"""Reconciles events in doubt: reads their contacts back, to find out which events the server has."""

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
from .matching import MatchResult, ServerEvents, match_events, server_events
from .run_control import RunControl
from .steps import Reconcile, Refusal, Settle, Step, after_reading_back

MAX_CONTACTS_PER_REQUEST = 50
"""The most addresses in one contact/list, and the most ids in one contact/listById."""


@define(eq=False)
class PendingReconciliation:
    """A batch of events that may or may not have arrived; `found` is the result of the last reading."""

    batch: Batch
    refusal: Refusal | None = None
    found: MatchResult | None = None
    failed_polls: int = 0


class Reconciler:
    """Reads contacts back; each reading returns the next step, or None if they must be read once more."""

    def __init__(
        self, *, connection: Connection, owner: str | None, batches: Batches, control: RunControl, in_doubt: InDoubt
    ) -> None:
        self._connection = connection
        self._owner = {"owner": owner} if owner else {}
        self._batches = batches
        self._control = control
        self._in_doubt: InDoubt = in_doubt
        self._refusals_are_whole = False

    def pending(self, batch: Batch, step: Reconcile) -> PendingReconciliation:
        """Return the pending reconciliation of a batch; the batch will wait, so its items are spilled."""
        self._batches.spill(batch)
        return PendingReconciliation(batch, step.refusal)

    async def read_back(self, pending: PendingReconciliation) -> Step | None:
        """Find out which events the server has.

        Missing events may still be on their way, so two readings in a row must agree. A refusal is an answer: once two
        readings have shown that the server keeps nothing of a request that it refuses, one reading is enough.
        """
        chunk = self._batches.unpack(pending.batch)
        if not self._control.is_following:
            return _unknown(f"{STOPPED}{self._control.because}")
        try:
            names = [record.names for record in chunk.records()]
            bodies = [orjson.loads(item) for item in chunk.items]
            found = match_events(names, [body["contactEvent"] for body in bodies], await self._contacts(bodies))
        except SalesManagoError as error:
            return self._after_error(pending, chunk, error)
        pending.failed_polls = 0
        if not (self._is_final(pending, found) or len(found.present) == len(chunk)):
            pending.found = found
            return None
        self._note_refusal(pending, chunk, found)
        return after_reading_back(found, pending.refusal, self._in_doubt)

    def _is_final(self, pending: PendingReconciliation, found: MatchResult) -> bool:
        is_whole = pending.refusal is not None and self._refusals_are_whole and not (found.present or found.undecided)
        return is_whole or found == pending.found

    def _note_refusal(self, pending: PendingReconciliation, chunk: Chunk, found: MatchResult) -> None:
        if pending.refusal:
            self._refusals_are_whole = len(found.missing) == len(chunk)

    def _after_error(self, pending: PendingReconciliation, chunk: Chunk, error: SalesManagoError) -> Step | None:
        """Read again later; if the server refuses to show the contacts, the events stay undecided."""
        pending.failed_polls += 1
        if self._control.is_following and worth_another_poll(error, pending.failed_polls):
            return None
        if isinstance(error, Refused):
            reason = _UNKNOWN.format(error)
            everything = MatchResult(undecided=dict.fromkeys(range(len(chunk)), reason))
            return after_reading_back(everything, pending.refusal, self._in_doubt)
        return _unknown(str(error))

    async def _contacts(self, bodies: Sequence[Mapping[str, Any]]) -> ServerEvents:
        """Return the events of the contacts, 50 contacts for each request.

        The contacts are named in the spelling in which their events were sent (reference: "Export Contacts by email
        address").
        """
        contacts: list[Any] = []
        unavailable: list[Any] = []
        for path, field in (("contact/list", "email"), ("contact/listById", "contactId")):
            asked = list(dict.fromkeys(body[field] for body in bodies if field in body))
            for start in range(0, len(asked), MAX_CONTACTS_PER_REQUEST):
                body = {**self._owner, field: asked[start : start + MAX_CONTACTS_PER_REQUEST]}
                answer = await self._connection.call(path, body)
                contacts += _contacts_of(answer)
                unavailable += answer.get("unavailableContacts") or ()
        return server_events(contacts, unavailable)


def _contacts_of(answer: Mapping[str, Any]) -> list[Any]:
    found = answer.get("contacts")
    if not isinstance(found, list):
        raise Unreadable("the server's answer has no list of contacts")
    return found


_UNKNOWN = "no answer has confirmed it, and whether it is there could not be found out: {}"


def _unknown(why: str) -> Step:
    return Settle(Verdicts("in_doubt", _UNKNOWN.format(why)))
