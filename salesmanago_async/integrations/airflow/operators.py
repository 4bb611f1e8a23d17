"""Imports, exports and waits for server jobs, as tasks that leave their worker while the server works."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Literal, NoReturn, TypeAlias

import anyio
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from ...api.selectors import ContactId, Email, Selector, Tag
from ...client import SalesManago
from ...errors import Invalid
from ...imports.report import Report
from ...imports.runs import ContactRunOptions, EventRunOptions, ProductRunOptions
from ...imports.settings import check_options
from ...jobs import Job
from ...sources.sources import GivenSource
from .hook import DEFAULT_CONNECTION, SalesManagoHook
from .journals import JournalOf, run_of_task
from .triggers import MOST_IDS, JobsTrigger, until_over

Kind: TypeAlias = Literal["contacts", "events", "products"]
Context: TypeAlias = Any

_OPTIONS: Mapping[str, type] = {
    "contacts": ContactRunOptions,
    "events": EventRunOptions,
    "products": ProductRunOptions,
}
_OF_TASK = ("wait", "journal", "dry_run")
"""Options of a run that the task itself decides about."""


class _WithJobs(BaseOperator):
    """What the tasks have in common: a connection, and whether they wait for server jobs in the triggerer.

    `client` has options of `SalesManago`, such as `poll_interval` and `quota`. A wait that takes longer than `timeout`
    fails the task.
    """

    def __init__(
        self,
        *,
        salesmanago_conn_id: str = DEFAULT_CONNECTION,
        client: Mapping[str, Any] | None = None,
        deferrable: bool = True,
        timeout: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.salesmanago_conn_id = salesmanago_conn_id
        self.client = dict(client or {})
        self.deferrable = deferrable
        self.timeout = timeout

    def _with_client(self, act: Callable[[SalesManago], Awaitable[Any]]) -> Any:
        """Run a function with a client of the connection."""
        sm = SalesManagoHook(self.salesmanago_conn_id, client=self.client).get_conn()

        async def run() -> Any:
            async with sm:
                return await act(sm)

        return anyio.run(run)

    def _wait_for(self, request_ids: Sequence[int], journal: JournalOf | None = None, **kwargs: Any) -> NoReturn:
        """Leave the worker until the jobs are over; `kwargs` are for `execute_complete`."""
        trigger = JobsTrigger(
            self.salesmanago_conn_id,
            request_ids,
            run=journal.run if journal else None,
            journal=journal.where if journal else None,
            journal_conn_id=journal.conn_id if journal else None,
            client=self.client,
        )
        self.defer(trigger=trigger, method_name="execute_complete", kwargs=kwargs, timeout=self.timeout)


class SalesManagoImportOperator(_WithJobs):
    """Adds or changes contacts or products, or adds events, from a file or from what a function returns.

    `source` is a path that each worker can read, or a function without arguments that returns a source. `options` are
    those of `ContactRunOptions`, `EventRunOptions` or `ProductRunOptions`. The journal is in the database of
    `journal_conn_id`, or at the address `journal`. Its name is `run`, by default made of the DAG, its run and the task.

    The task returns the counts of its `Report`. It fails, and its retry goes on, if the run stopped early or records
    are in doubt. Rejected records are counted, with their reasons; with `fail_on_rejected` the task fails for good
    then. Raises `Invalid` for a bad option where the DAG is read.
    """

    template_fields = ("source", "journal", "run", "catalog_id", "options")

    def __init__(
        self,
        *,
        kind: Kind,
        source: str | Callable[[], GivenSource],
        journal_conn_id: str | None = None,
        journal: str | None = None,
        run: str | None = None,
        catalog_id: str | None = None,
        options: Mapping[str, Any] | None = None,
        fail_on_rejected: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.source = source
        self.journal_conn_id = journal_conn_id
        self.journal = journal
        self.run = run
        self.catalog_id = catalog_id
        self.options = dict(options or {})
        self.fail_on_rejected = fail_on_rejected
        self._check()

    def _check(self) -> None:
        if self.kind not in _OPTIONS:
            raise Invalid(f"is {self.kind!r}, not one of {', '.join(_OPTIONS)}", field="kind")
        for name in _OF_TASK:
            if name in self.options:
                raise Invalid("is decided by the task; see the arguments of the operator", field=f"options.{name}")
        check_options(self.options, _OPTIONS[self.kind])
        if self.kind == "products" and not self.catalog_id:
            raise Invalid("products need the catalogue that they belong to", field="catalog_id")
        has_journal = self.journal is not None or self.journal_conn_id is not None
        if not has_journal and (self.kind == "events" or (self.deferrable and self.kind == "contacts")):
            raise Invalid(
                "a task needs a journal, so that a retry goes on and doubles nothing; give journal_conn_id, the "
                "connection of a PostgreSQL database. Contacts may do without, with deferrable=False",
                field="journal",
            )

    def execute(self, context: Context) -> dict[str, Any]:
        """Send everything; contacts then wait for their server jobs in the triggerer."""
        journal = self._journal(context)
        defers = self.deferrable and self.kind == "contacts"
        report = self._send(journal, wait=not defers)
        if defers and report.submitted:
            report.raise_if_incomplete()
            self.log.info("%s; waiting for %d server jobs", report, report.unfollowed)
            ids = sorted(report.request_ids) if report.unfollowed <= MOST_IDS else []
            self._wait_for(ids, journal)
        return self._ended(report)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Read the results of the jobs, which are over: the same call, and the journal knows the jobs."""
        return self._ended(self._send(self._journal(context), wait=True))

    def _journal(self, context: Context) -> JournalOf:
        return JournalOf(self.run or run_of_task(context), self.journal, self.journal_conn_id)

    def _send(self, journal: JournalOf, *, wait: bool) -> Report:
        options = {**self.options, "journal": journal.place()}
        if self.kind != "products":
            options["wait"] = wait
        source = self.source() if callable(self.source) else self.source
        report: Report = self._with_client(lambda sm: self._sending(sm)(source, **options))
        return report

    def _sending(self, sm: SalesManago) -> Callable[..., Awaitable[Report]]:
        if self.kind == "products":
            return partial(sm.products.upsert_many, catalog_id=self.catalog_id or "")
        return sm.contacts.upsert_many if self.kind == "contacts" else sm.events.add_many

    def _ended(self, report: Report) -> dict[str, Any]:
        self.log.info("%s", report)
        for reason, count in report.reasons.items():
            self.log.warning("%d times: %s", count, reason)
        report.raise_if_incomplete()
        if self.fail_on_rejected and report.rejected:
            raise AirflowFailException(f"{report.rejected:,} of {report.read:,} records were rejected")
        return report.as_dict()


class SalesManagoExportOperator(_WithJobs):
    """Exports contacts that have one of the `tags`, `emails` or `contact_ids` to a file.

    `data` are the parts that are exported: "CONTACT", "TAG", "EXT_EVENT" and others of `ExportContactsData`. `path`
    ends in .json, .jsonl, .csv or .parquet, and the file appears there when it is complete. The task returns
    {"records": 12, "path": "vip.jsonl", "request_id": 37}. A retry makes a new export.
    """

    template_fields = ("path", "tags", "emails", "contact_ids")

    def __init__(
        self,
        *,
        path: str,
        tags: Sequence[str] = (),
        emails: Sequence[str] = (),
        contact_ids: Sequence[str] = (),
        data: Sequence[Any] = ("CONTACT",),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.tags = list(tags)
        self.emails = list(emails)
        self.contact_ids = list(contact_ids)
        self.data = list(data)
        if not (tags or emails or contact_ids):
            raise Invalid("give tags, emails or contact_ids, to say which contacts are exported", field="tags")

    def execute(self, context: Context) -> dict[str, Any]:
        """Start the export, and wait for its job in the triggerer."""
        job: Job[Any] = self._with_client(lambda sm: sm.contacts.export(self._selectors(), self.data))
        if self.deferrable:
            self._wait_for([job.request_id], request_id=job.request_id)
        return self.execute_complete(context, request_id=job.request_id)

    def execute_complete(self, context: Context, event: Any = None, *, request_id: int) -> dict[str, Any]:
        """Save the file of the job."""
        records = self._with_client(lambda sm: sm.jobs.attach(int(request_id)).save(self.path))
        self.log.info("%s has %d records of job %s", self.path, records, request_id)
        return {"records": records, "path": self.path, "request_id": int(request_id)}

    def _selectors(self) -> list[Selector]:
        named = ((Tag, self.tags), (Email, self.emails), (ContactId, self.contact_ids))
        return [kind(*values) for kind, values in named if values]


class SalesManagoJobsOperator(_WithJobs):
    """Waits for server jobs that were started elsewhere, such as those of an import with `wait=False`.

    `request_ids` may be a template or the result of another task. The task returns {"37": "done"}, and fails, if one of
    the jobs failed or is not known.
    """

    template_fields = ("request_ids",)

    def __init__(self, *, request_ids: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.request_ids = request_ids

    def execute(self, context: Context) -> dict[str, str]:
        """Wait for the jobs."""
        ids = [int(request_id) for request_id in self.request_ids]
        if self.deferrable and ids:
            self._wait_for(ids)
        self._with_client(partial(until_over, request_ids=ids))
        return self.execute_complete(context)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, str]:
        """Look at each of the jobs, which are over, once."""
        ids = [int(request_id) for request_id in self.request_ids]
        states: dict[str, str] = self._with_client(partial(_states, request_ids=ids))
        if bad := [f"{number} is {state}" for number, state in states.items() if state != "done"]:
            raise AirflowFailException(f"{len(bad)} of {len(states)} jobs have no result: {', '.join(bad[:20])}")
        return states


async def _states(sm: SalesManago, request_ids: Sequence[int]) -> dict[str, str]:
    return {str(number): (await sm.jobs.attach(number).status()).state for number in request_ids}
