"""Waits for server jobs in the triggerer, where a wait costs no worker."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import anyio.to_thread
from airflow.triggers.base import BaseTrigger, TriggerEvent

from ...client import SalesManago
from ...stores.addresses import DatabaseAddress
from .hook import DEFAULT_CONNECTION, SalesManagoHook
from .info import ROOM
from .journals import JournalOf

MOST_IDS = 1000
"""How many ids of jobs a trigger keeps; those of a larger import are read from its journal."""


class JobsTrigger(BaseTrigger):
    """Fires when all of some server jobs are over, however they ended: {"ended": 3}.

    `request_ids` are the jobs; if there are none, they are the jobs of the import whose journal has the name `run` in
    the database of `journal` (an address without a password) or `journal_conn_id`. `client` has options of the client,
    such as `poll_interval`. The trigger only looks, so it may be cancelled and begun again anywhere, at any time.
    """

    def __init__(
        self,
        salesmanago_conn_id: str = DEFAULT_CONNECTION,
        request_ids: Iterable[int | str] = (),
        run: str | None = None,
        journal: str | None = None,
        journal_conn_id: str | None = None,
        client: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.salesmanago_conn_id = salesmanago_conn_id
        self.request_ids = [int(request_id) for request_id in request_ids]
        self.client = dict(client or {})
        self.journal = JournalOf(run or "", journal, journal_conn_id)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and the arguments that make the same trigger elsewhere; no secret is in them."""
        return (
            f"{ROOM}.triggers.JobsTrigger",
            {
                "salesmanago_conn_id": self.salesmanago_conn_id,
                "request_ids": self.request_ids,
                "run": self.journal.run,
                "journal": self.journal.where,
                "journal_conn_id": self.journal.conn_id,
                "client": self.client,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll the jobs until all of them are over; then fire once."""
        async with await SalesManagoHook(self.salesmanago_conn_id, client=self.client).aget_conn() as sm:
            ended = await until_over(sm, self.request_ids or await self._ids_in_journal())
        yield TriggerEvent({"ended": ended})  # type: ignore[no-untyped-call]

    async def _ids_in_journal(self) -> list[int]:
        from ...stores.postgresql_runs import submitted_jobs  # here, as it needs psycopg

        place = await self.journal.aplace()
        return await anyio.to_thread.run_sync(submitted_jobs, place) if isinstance(place, DatabaseAddress) else []


async def until_over(sm: SalesManago, request_ids: Iterable[int]) -> int:
    """Poll server jobs until all of them are over, however they ended; return how many there were."""
    ended = 0
    async with sm.jobs.as_completed(map(sm.jobs.attach, request_ids)) as finished:
        async for _ in finished:
            ended += 1
    return ended
