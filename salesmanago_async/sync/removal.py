"""What happens to contacts and products that are in the state, and no longer in the source.

`why_not` decides whether anything does; a `Removal` carries it out, and marks the rows it was done to.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import anyio
import orjson
from attrs import define, field

from ..api.contact_changes import BatchDeleteContacts, StopMonitoring
from ..api.selectors import ContactId, Email, Selector
from ..connection.connection import Connection
from ..connection.retry import is_unanswered
from ..errors import SalesManagoError
from ..imports.report import Report
from ..imports.runs import ContactRunOptions, Outcomes, ProductRunOptions, Run, contact_run, product_run
from .known import REMOVED, UNSEEN, Known
from .settings import DELETE, KEEP, STOP_MONITORING, TAG, SyncSettings

DRY_RUN = "a dry run does nothing to them"
AT_A_TIME = 100
"""How many contacts one request deletes, or stops to monitor."""


def why_not(report: Report, removed: int, known: Known, settings: SyncSettings, kind: str) -> str | None:
    """Return why nothing is done to the removed contacts or products; None if it is to be done."""
    if settings.removed == KEEP:
        return "kept"
    if not known.has_names:
        return "nothing was done to them, because the last sync kept no names; this one forgets them"
    if removed > settings.max_removed * len(known):
        part = removed / len(known)
        return (
            f"nothing was done to them, because they are {part:.1%} of the known {kind}, and max_removed is "
            f"{settings.max_removed:.1%}"
        )
    if report.goal != "accepted":
        return DRY_RUN
    if not report.complete or report.accepted != report.read:
        return "nothing was done to them, because not everything else was accepted"
    if settings.confirm_removal and not settings.confirm_removal(removed):
        return "nothing was done to them, because it was not confirmed"
    return None


def unseen(known: Known) -> Iterator[int]:
    """Yield the indices of the rows that were not in the source."""
    index = known.marks.find(UNSEEN)
    while index >= 0:
        yield index
        index = known.marks.find(UNSEEN, index + 1)


@define
class Removal:
    """Does something to what is gone. `done` counts those it was done to."""

    connection: Connection
    known: Known
    done: int = 0
    reasons: list[str] = field(factory=list)
    _is_stopped: bool = False
    _run: Outcomes | None = None
    _cut_off: anyio.CancelScope = field(factory=anyio.CancelScope)

    def stop(self) -> None:
        """Begin no more requests; those in flight are finished."""
        self._is_stopped = True
        if self._run:
            self._run.stop()

    def stop_at_once(self) -> None:
        """Stop, and cut off the requests in flight."""
        self.stop()
        if self._run:
            self._run.stop_at_once()
        self._cut_off.cancel()

    async def carry_out(self, action: str) -> str:
        """Do it to all of them; return what was done, in words."""
        what = await self._do(action)
        if not (self._is_stopped or self.reasons):
            return what
        why = next(iter(self.reasons), "the sync was stopped")
        return f"{self.done:,} {what}; the others are tried again by the next sync: {why}"

    async def _do(self, action: str) -> str:
        """Do it to all of them; return what it is called."""
        raise NotImplementedError

    async def _in_run(self, run_of: Callable[[Iterator[Any]], Run], record_of: Callable[[str], Any]) -> None:
        """Send a record of each of them."""
        indices: list[int] = []

        def records() -> Iterator[Any]:
            for index in unseen(self.known):
                indices.append(index)
                yield record_of(self.known.name(index))

        async with run_of(records()).outcomes() as outcomes:
            self._run = outcomes
            if self._is_stopped:
                outcomes.stop()
            async for outcome in outcomes:
                if outcome.state == "accepted":
                    self._mark([indices[outcome.position]])
                else:
                    self.reasons.append(outcome.reason or outcome.state)

    def _mark(self, indices: Sequence[int]) -> None:
        self.done += len(indices)
        for index in indices:
            self.known.marks[index] = REMOVED


@define
class ContactRemoval(Removal):
    """Tags, deletes or stops to monitor the contacts that are gone."""

    options: ContactRunOptions = field(factory=ContactRunOptions)

    async def _do(self, action: str) -> str:
        if action.startswith(TAG):
            tag = action.removeprefix(TAG)
            await self._in_run(
                lambda records: contact_run(self.connection, records, self.options),
                lambda name: {"email" if "@" in name else "contactId": name, "tags": [tag]},
            )
            return f"tagged {tag!r}"
        await self._in_requests({DELETE: BatchDeleteContacts, STOP_MONITORING: StopMonitoring}[action])
        return {DELETE: "deleted", STOP_MONITORING: "no longer monitored"}[action]

    async def _in_requests(self, request: Callable[..., Any]) -> None:
        indices = iter(list(unseen(self.known)))

        async def work() -> None:
            while not self._is_stopped and (some := list(islice(indices, AT_A_TIME))):
                names = map(self.known.name, some)
                selectors: Sequence[Selector] = [(Email if "@" in name else ContactId)(name) for name in names]
                try:
                    await self.connection.send(request(selectors, owner=self.options.get("owner")))
                except SalesManagoError as error:
                    self.reasons.append(str(error))
                    self._is_stopped |= is_unanswered(error)  # the server is away: each request would wait for it
                else:
                    self._mark(some)

        with self._cut_off:
            async with anyio.create_task_group() as tasks:
                for _ in range(self.connection.pace.concurrency):
                    tasks.start_soon(work)


@define
class ProductRemoval(Removal):
    """Switches off the products that are gone: no call deletes one."""

    catalog_id: str = ""
    options: ProductRunOptions = field(factory=ProductRunOptions)

    async def _do(self, action: str) -> str:
        await self._in_run(
            lambda records: product_run(self.connection, records, self.catalog_id, self.options),
            lambda kept: {**orjson.loads(kept), "available": False, "active": False},
        )
        return f"{action}d"
