"""A sync as callers see it: a run over what changed, and what happens to what is gone."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial
from os import PathLike
from typing import Any, cast

import anyio.to_thread
import orjson
from attrs import evolve, frozen

from ..connection.connection import Connection
from ..connection.identity import mark_of
from ..errors import Invalid
from ..imports.engine.resuming import RunHistory
from ..imports.engine.run import Engine
from ..imports.engine.run_control import RunControl
from ..imports.engine.settling import Listener
from ..imports.report import Report
from ..imports.runs import (
    ContactRunOptions,
    Outcomes,
    ProductRunOptions,
    Run,
    contact_run,
    outcomes_of,
    price_run,
    product_run,
    quantity_run,
)
from ..sources.sources import GivenSource
from ..telemetry import tell
from ..telemetry.run_events import ColumnsDiffer
from .changes import ChangedRows
from .columns import changes_of
from .header import StateOf
from .keys import Keys, contact_keys, product_keys
from .known import REMOVED, UNSEEN, Known
from .product_content import ProductPart
from .removal import ContactRemoval, ProductRemoval, Removal, why_not
from .report import SyncReport
from .settings import (
    KEEP,
    ProductSyncOptions,
    SyncOptions,
    SyncSettings,
    check_removed_contacts,
    check_removed_products,
)
from .state import CATALOG, Comparison, OpenState, look_at

_OF_CONTACT_REMOVAL = frozenset({"owner", "fire_events", "patience", "batch_size", "outstanding"})
_OF_PRODUCT_REMOVAL = frozenset({"patience", "batch_size"})
"""The options of a sync that hold for the run which does something to what is gone, too."""
LONGEST_SETTING = 60
"""The most characters of an option that the state keeps as it is."""


def contact_sync(
    connection: Connection, given: GivenSource, state: str | PathLike[str], options: SyncOptions
) -> "Sync":
    """Return the sync of contacts; raise `Invalid` for a source that cannot be read, or options that do not fit."""
    settings, others = SyncSettings.taken_from(
        state, cast("Mapping[str, Any]", options), SyncOptions, ContactRunOptions
    )
    check_removed_contacts(settings.removed)
    named = cast("dict[str, Any]", others)
    of_removal = cast("ContactRunOptions", _some(named, _OF_CONTACT_REMOVAL))
    return Sync(
        contact_run(connection, given, cast("ContactRunOptions", named)),
        settings,
        contact_keys(settings.key),
        partial(ContactRemoval, connection, options=of_removal),
        _meaning(named),
    )


def product_sync(
    connection: Connection,
    given: GivenSource,
    state: str | PathLike[str],
    catalog_id: str,
    only: ProductPart | None,
    options: ProductSyncOptions,
) -> "Sync":
    """Return the sync of a catalogue's products, or of their prices or quantities only; raises as `contact_sync`."""
    settings, others = SyncSettings.taken_from(
        state, cast("Mapping[str, Any]", options), ProductSyncOptions, ProductRunOptions
    )
    check_removed_products(settings.removed)
    if only and settings.has_names:
        raise Invalid(f"is {settings.removed!r}; a sync of {only} knows too little of a product", field="removed")
    named = cast("dict[str, Any]", others)
    of_removal = cast("ProductRunOptions", _some(named, _OF_PRODUCT_REMOVAL))
    meaning = {**_meaning(named), "only": only}
    run_of = product_run if only is None else _ONLY[only]
    return Sync(
        run_of(connection, given, catalog_id, cast("ProductRunOptions", named)),
        settings,
        product_keys(),
        partial(ProductRemoval, connection, catalog_id=catalog_id, options=of_removal),
        meaning,
        has_parts=only is None,
    )


_ONLY = {"quantities": quantity_run, "prices": price_run}


def _some(options: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any]:
    return {name: options[name] for name in names if name in options}


def _meaning(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options that decide what the columns of a source mean."""
    return {"extra_columns": options.get("extra_columns", "error"), "columns": dict(options.get("columns", {}))}


@frozen
class Sync:
    """A sync that has not begun. With `has_parts`, only the part of a product that has changed is sent."""

    run: Run
    settings: SyncSettings
    keys: Keys
    removal_of: Callable[[Known], Removal]
    meaning: Mapping[str, Any]
    has_parts: bool = False

    async def execute(self) -> SyncReport:
        """Execute the sync and return its report."""
        return await SyncExecution(self).execute()

    @asynccontextmanager
    async def outcomes(self) -> AsyncGenerator["SyncOutcomes"]:
        """Execute the sync while the block takes the outcomes of the rows that are sent."""
        async with outcomes_of(SyncOutcomes(partial(SyncExecution, self))) as outcomes:
            yield outcomes

    @property
    def state_of(self) -> StateOf:
        """What the state belongs to."""
        run = self.run.settings
        whose = {"owner": run.fields.get("owner")}
        if "catalogId" in run.fields:
            whose[CATALOG] = run.fields["catalogId"]
        settings = {**self.meaning, "tags": list(run.tags), **run.fields}
        return StateOf(
            account={**self.run.connection.identity, **{name: mark_of(value) for name, value in whose.items()}},
            key=self.keys.field,
            has_names=self.settings.has_names,
            has_parts=self.has_parts,
            settings={
                name: _shortened(value) for name, value in settings.items() if name not in {"owner", "catalogId"}
            },
        )


def _shortened(value: Any) -> Any:
    """Return a value, or a fingerprint of a long one: all of them must fit into the header of a state."""
    text = orjson.dumps(value).decode()
    return value if len(text) <= LONGEST_SETTING else mark_of(text)


class SyncOutcomes(Outcomes):
    """The outcomes of the rows that a sync sends, each once. Their positions count the rows that are sent."""

    @property
    def report(self) -> SyncReport:
        """The counts so far; final once the outcomes are exhausted."""
        return cast("SyncReport", super().report)


class SyncExecution:
    """The execution of a sync. `execute` may be called once."""

    def __init__(self, sync: Sync, listener: Listener | None = None) -> None:
        self._sync = sync
        self._connection = sync.run.connection
        self._control = RunControl.begin(self._connection.pace, sync.run.settings.goal)
        self._rows = ChangedRows(
            sync.run.source,
            sync.run.settings.tags,
            sync.keys,
            keeps_names=sync.settings.has_names,
            has_parts=sync.has_parts,
        )
        self._listener = listener
        self._engine: Engine | None = None
        self._comparison = Comparison(Known.nothing())
        self._removal: Removal | None = None
        self._removed = 0
        self._said: str | None = None

    @property
    def report(self) -> SyncReport:
        """The counts so far."""
        run = self._engine.report if self._engine else self._control.tally.report()
        return SyncReport.of(
            run,
            added=self._rows.added,
            changed=self._rows.changed,
            prices_only=self._rows.parts["prices"],
            quantities_only=self._rows.parts["quantities"],
            unchanged=self._rows.unchanged,
            removed=self._removed,
            removed_done=self._removal.done if self._removal else 0,
            removal=self._said,
            resent=self._resent,
        )

    @property
    def _resent(self) -> str | None:
        return self._comparison.resent or ("full is True" if self._sync.settings.full else None)

    @property
    def _has_arrived(self) -> bool:
        report = self.report
        return report.accepted + report.submitted + report.in_doubt > 0

    @property
    def outstanding(self) -> int:
        """How many server jobs are followed now."""
        return self._engine.outstanding if self._engine else 0

    @property
    def next_poll(self) -> float | None:
        """Seconds until one of these is polled next; None if none waits for a poll."""
        return self._engine.next_poll if self._engine else None

    def stop(self) -> None:
        """Stop reading and following jobs; what is in flight is finished, within bounds."""
        (self._engine or self._control).stop()
        if self._removal:
            self._removal.stop()

    def stop_at_once(self) -> None:
        """Stop, and cut off what is in flight."""
        if self._engine:
            self._engine.stop_at_once()
        if self._removal:
            self._removal.stop_at_once()
        self._control.stop()

    async def execute(self) -> SyncReport:
        """Compare the source with the state, send what differs, and write the next state.

        Raises what the engine raises. If the task is cancelled, the state stays as it is, and the next sync finishes
        what this one began.
        """
        run, path, of = self._sync.run, self._sync.settings.state, self._sync.state_of
        if run.settings.dry_run:
            self._comparison = await look_at(path, of)
            try:
                await self._send_and_act(None)
            finally:
                self._comparison.known.close()
            return self._ended()
        self._control.tally.journal = str(path)  # the same call goes on with what a run that is cut off leaves behind
        state = await OpenState.open(path, of, run.settings.note)
        self._comparison = state.comparison
        try:
            dropped = await self._send_and_act(state)
        except Exception:
            await state.finish(dropped=None, has_arrived=self._has_arrived)
            raise
        except BaseException:
            await state.leave()
            raise
        await state.finish(dropped=dropped, has_arrived=self._has_arrived)
        return self._ended()

    def _ended(self) -> SyncReport:
        self._control.tally.end()
        return self.report

    async def _send_and_act(self, state: OpenState | None) -> int | None:
        """Send what differs and act on what is gone; return the mark of the rows to forget."""
        try:
            return await self._act_on_removed(state, await self._send(state))
        finally:
            self._rows.close()

    async def _send(self, state: OpenState | None) -> Report:
        self._rows.compare_with(
            self._comparison.known,
            state.sent if state else None,
            state.order if state else None,
            resends=self._resent is not None,
        )
        self._compare_columns(state)
        run = self._sync.run
        history = RunHistory(state.journal) if state else None
        target = evolve(run.target, request_at=self._rows.request_at) if self._sync.has_parts else run.target
        self._engine = Engine(
            self._connection,
            self._rows,
            target,
            run.settings,
            self._listener,
            control=self._control,
            history=history,
        )
        return await self._engine.execute()

    def _compare_columns(self, state: OpenState | None) -> None:
        """Warn of columns that were added or removed since the last sync, before anything is sent."""
        if state:
            state.columns = self._rows.columns
        changes = changes_of(self._comparison.columns, self._rows.columns)
        self._rows.column_changes = changes
        if changes:
            tell(ColumnsDiffer(kind=self._sync.run.target.kind, added=len(changes.added), missing=len(changes.missing)))

    async def _act_on_removed(self, state: OpenState | None, report: Report) -> int | None:
        """Count what is gone, and do what is to be done to it; return the mark of rows to forget."""
        known = self._comparison.known
        if not report.read_all:
            return None
        self._removed = known.marks.count(UNSEEN)
        if not self._removed:
            return None
        settings = self._sync.settings
        self._removal = self._sync.removal_of(known)
        if self._rows.other_names and known.has_names and self._removed <= settings.max_removed * len(known):
            self._removed -= await anyio.to_thread.run_sync(self._rows.other_names.spare, known)
            if not self._removed:
                return REMOVED
        self._said = why_not(report, self._removed, known, settings, self._sync.keys.kind)
        if self._said or state is None:  # a dry run has said something
            return UNSEEN if settings.removed == KEEP else None
        await state.forget_contents_of_gone()
        self._removal.known = state.comparison.known
        self._said = await self._removal.carry_out(settings.removed)
        return REMOVED
