"""Sends batches: the answer, or the failure to get one, becomes the next step."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio

from ...api.codec import read_leniently
from ...api.request import JobStarted, Request
from ...connection.connection import Connection, Losses
from ...connection.retry import is_too_large, is_unanswered, surely_not_processed
from ...connection.wire import TOO_LARGE, Post
from ...errors import NotAuthenticated, Redirected, Refused, SalesManagoError
from ...outcome import Verdicts
from ..targets import Target
from .answers import of_events
from .batches import Batch, Batches
from .ledger import Ledger
from .outage import OutageGate, Turn
from .products import is_about_all, of_products, reasons_by_index
from .run_control import RunControl
from .steps import Evaluate, Halve, Poll, Reconcile, Refusal, Settle, Step, after_refusal_by_indices
from .tally import Tally

MAX_JOB_NUMBER = 2**63 - 1
"""The largest job number that the journal can hold."""

_ABOUT_RECORDS = frozenset({200, 400, TOO_LARGE, 422})
"""The statuses of a refusal that a different body might avoid."""


class Sender:
    """Sends batches, from several tasks concurrently."""

    def __init__(
        self,
        *,
        connection: Connection,
        target: Target,
        path: str | None,
        batches: Batches,
        ledger: Ledger,
        tally: Tally,
        control: RunControl,
        gate: OutageGate,
    ) -> None:
        self._connection = connection
        self._target = target
        self._path = path
        self._batches = batches
        self._ledger = ledger
        self._tally = tally
        self._control = control
        self._gate = gate

    def length_of(self, batch: Batch) -> int:
        """Return the length of the body of a batch, in bytes."""
        return len(self._batches.body(batch))

    def turn(self) -> AbstractAsyncContextManager[Turn]:
        """Wait for a turn to send a batch, and hold it during the block."""
        return self._gate.turn()

    async def may_send(self, batch: Batch) -> bool:
        """Write a batch into the journal before it is sent; return False if the run has stopped."""
        if self._control.is_reading:
            await self._ledger.write_ahead(batch)
        return self._control.is_reading

    async def send(self, batch: Batch, turn: Turn) -> Step:
        """Send a batch once (with the retries of its kind); return the step that follows from the answer or error."""
        body = self._batches.body(batch)
        self._tally.chunks += 1
        self._tally.bytes += len(body)
        batch.attempts += 1
        try:
            answer = await self._post(batch, body)
        except SalesManagoError as error:
            return self._after_error(error, batch, turn)
        turn.answered()
        return self._after_answer(answer)

    async def _post(self, batch: Batch, body: bytes) -> dict[str, Any]:
        """Send a body.

        If an attempt gets no answer, the group remembers when: the server may still be processing that request.
        """
        request_class = self._request_of(batch)
        is_repeatable = request_class.repeatable
        losses = Losses(anyio.current_time() if batch.may_have_arrived else None)
        try:
            path = self._path or request_class.path
            post = Post(path, body, is_repeatable, signed=request_class.signed, guard=self._ledger.confirm)
            return await self._connection.post(post, losses)
        finally:
            if is_repeatable:
                batch.group.lost_at = losses.last or batch.group.lost_at

    def _request_of(self, batch: Batch) -> type[Request[Any]]:
        choose = self._target.request_at
        return choose(self._batches.unpack(batch).positions[0]) if choose else self._target.request_class

    def _after_answer(self, answer: dict[str, Any]) -> Step:
        if self._target.reads_back:
            return Evaluate(lambda chunk: of_events(chunk.keys, answer, aliases=chunk.aliases_by_index()))
        if not self._target.has_jobs:
            return Evaluate(lambda chunk: of_products(chunk.keys, answer))
        started = read_leniently(JobStarted, answer)
        if started.request_id is not None and abs(started.request_id) <= MAX_JOB_NUMBER:
            return Poll(started.request_id)
        return Settle(Verdicts("submitted" if started.success else "in_doubt", "the server named no job to follow"))

    def _after_error(self, error: SalesManagoError, batch: Batch, turn: Turn) -> Step:
        """Return the step that follows from an error; stop the run if other batches would get the same error."""
        maybe_applied = error.maybe_applied or batch.may_have_arrived
        if is_unanswered(error) and not isinstance(error, Redirected):
            turn.lost()
            is_in_doubt = maybe_applied or not surely_not_processed(error)
            # A batch that was surely not sent stops the run: nothing blocks its contacts, so a later version of them
            # would be sent in this run, and the next run would send the earlier version after it.
            if self._gate.is_hopeless or not is_in_doubt:
                self._control.stop_for(error)
            return self._in_doubt(str(error)) if is_in_doubt else Settle(Verdicts("not_sent", str(error)))
        if isinstance(error, Refused) and _is_about_records(error):
            turn.answered()
            return self._after_refusal(error, batch, maybe_applied=maybe_applied)
        self._control.stop_for(error)
        is_in_doubt = maybe_applied or not (isinstance(error, Refused) or surely_not_processed(error))
        return Settle(Verdicts("in_doubt" if is_in_doubt else "not_sent", str(error)))

    def _after_refusal(self, refused: Refused, batch: Batch, *, maybe_applied: bool) -> Step:
        """Halve what was refused, unless the server says which records are to blame.

        Events are read back first, because the server may have made some of them.
        """
        refusal = Refusal(str(refused), is_too_large(refused))
        if not self._target.reads_back:
            return after_refusal_by_indices(refusal, reasons_by_index(refused.problems), batch.count)
        if maybe_applied:
            return self._in_doubt(refusal.reason)
        return Halve(refusal) if refusal.is_too_large else Reconcile(refusal)

    def _in_doubt(self, reason: str) -> Step:
        return Evaluate(lambda _: Verdicts("in_doubt", reason))


def _is_about_records(refused: Refused) -> bool:
    """Return whether the server might take a request with other records.

    Any other refusal means that nothing was processed.
    """
    if isinstance(refused, NotAuthenticated) or is_about_all(refused.problems):
        return False
    return refused.status in _ABOUT_RECORDS
