"""Where parcels are sent: the answer, or what kept it from coming, becomes the next step."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio

from ...api import JobStarted
from ...api.codec import read_leniently
from ...connection.connection import Connection, Losses
from ...connection.retry import is_too_large, is_unanswered, surely_not_processed
from ...connection.wire import TOO_LARGE, Post
from ...errors import NotAuthenticated, Redirected, Refused, SalesManagoError
from ...outcome import Verdicts
from ..targets import EVENTS, Target
from .answers import of_events
from .batches import Batch, Batches
from .chunks import body_of
from .ledger import Ledger
from .outage import OutageGate, Turn
from .run_control import RunControl
from .steps import Halve, Judge, Poll, Reconcile, Refusal, Settle, Step
from .tally import Tally

LARGEST_NUMBER = 2**63 - 1
"""Of a job; the journal holds none that is larger."""

_ABOUT_RECORDS = frozenset({200, 400, TOO_LARGE, 422})
"""The statuses of a refusal that another body might escape."""


class Sender:
    """Sends parcels, from several tasks at once."""

    def __init__(
        self,
        *,
        connection: Connection,
        target: Target,
        path: str | None,
        others: bytes,
        batches: Batches,
        ledger: Ledger,
        tally: Tally,
        control: RunControl,
        gate: OutageGate,
    ) -> None:
        self._connection = connection
        self._target = target
        self._path = path or target.request_class.path
        self._others = others
        self._batches = batches
        self._ledger = ledger
        self._tally = tally
        self._control = control
        self._gate = gate

    def length_of(self, batch: Batch) -> int:
        """Return how many bytes it takes to send a parcel."""
        return len(self._body(batch))

    def turn(self) -> AbstractAsyncContextManager[Turn]:
        """Wait for a turn to send a parcel, and hold it for the length of the block."""
        return self._gate.turn()

    async def may_send(self, batch: Batch) -> bool:
        """Have a parcel in the journal before it is sent; False where the run has stopped."""
        if self._control.is_reading:
            await self._ledger.write_ahead(batch)
        return self._control.is_reading

    async def send(self, batch: Batch, turn: Turn) -> Step:
        """Send a parcel once (with the retries of its kind); return what the answer, or its absence, leads to."""
        body = self._body(batch)
        self._tally.chunks += 1
        self._tally.bytes += len(body)
        batch.tries += 1
        try:
            answer = await self._post(batch, body)
        except SalesManagoError as error:
            return self._after_error(error, batch, turn)
        turn.answered()
        return self._after_answer(answer)

    async def _post(self, batch: Batch, body: bytes) -> dict[str, Any]:
        """Send a body; where a try gets no answer, the lot remembers it, as the server may still work at that one."""
        is_repeatable = self._target.request_class.repeatable
        losses = Losses(anyio.current_time() if batch.was_in_doubt else None)
        try:
            return await self._connection.post(Post(self._path, body, is_repeatable), losses)
        finally:
            if is_repeatable:
                batch.group.lost_at = losses.last or batch.group.lost_at

    def _body(self, batch: Batch) -> bytes:
        self._batches.load(batch)
        return body_of(batch.items, self._target.list_field, self._others)

    def _after_answer(self, answer: dict[str, Any]) -> Step:
        if self._target is EVENTS:
            return Judge(lambda chunk: of_events(chunk.keys, answer, aliases=chunk.aliases_by_index()))
        started = read_leniently(JobStarted, answer)
        if started.request_id is not None and abs(started.request_id) <= LARGEST_NUMBER:
            return Poll(started.request_id)
        return Settle(Verdicts("submitted" if started.success else "in_doubt", "the server named no job to follow"))

    def _after_error(self, error: SalesManagoError, batch: Batch, turn: Turn) -> Step:
        """Return what an error means for its chunk; stop the run where it will meet the others too."""
        maybe_applied = error.maybe_applied or batch.was_in_doubt
        if is_unanswered(error) and not isinstance(error, Redirected):
            turn.lost()
            is_doubtful = maybe_applied or not surely_not_processed(error)
            if self._gate.is_hopeless or not is_doubtful:  # what was not sent must not be overtaken by a later version
                self._control.stop_for(error)
            return self._doubt(str(error)) if is_doubtful else Settle(Verdicts("not_sent", str(error)))
        if isinstance(error, Refused) and _is_about_records(error):
            turn.answered()
            return self._after_refusal(error, maybe_applied=maybe_applied)
        self._control.stop_for(error)
        is_doubtful = maybe_applied or not (isinstance(error, Refused) or surely_not_processed(error))
        return Settle(Verdicts("in_doubt" if is_doubtful else "not_sent", str(error)))

    def _after_refusal(self, refused: Refused, *, maybe_applied: bool) -> Step:
        """Halve what was refused; events are read back before, as the server may have made some of them."""
        refusal = Refusal(str(refused), is_too_large(refused))
        if self._target is not EVENTS:
            return Halve(refusal)
        if maybe_applied:
            return self._doubt(refusal.reason)
        return Halve(refusal) if refusal.is_too_large else Reconcile(refusal)

    def _doubt(self, reason: str) -> Step:
        return Judge(lambda _: Verdicts("in_doubt", reason))


def _is_about_records(refused: Refused) -> bool:
    """Tell whether a request with other records might be taken; what was refused otherwise was not processed at all."""
    return refused.status in _ABOUT_RECORDS and not isinstance(refused, NotAuthenticated)
