"""What became of the rows of a write: counts, and the rows that were rejected or are in doubt.

Both read the journals of the partitions without their locks, so also while a job goes on. The journals hold no rows:
rows are found again by the digests of what was sent for them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from pyspark.sql import functions as F  # noqa: N812 - its usual name

from ...errors import Invalid
from ...imports.engine.tally import MAX_REQUEST_IDS
from ...imports.report import Report
from ...outcome import PROBLEMS, State
from ...records.shapes import ExtraColumns, contact_shape, event_shape
from ...sources.arrow import TableRows
from ...sources.options import ReadOptions
from ...stores.addresses import DatabaseAddress
from ...stores.postgresql_runs import imports, lines
from ...stores.values import DIGEST_SIZE, JournalLine, digest
from ._options import database_of, runs_of

if TYPE_CHECKING:
    from pyarrow import RecordBatch
    from pyspark.sql import DataFrame

Verdict: TypeAlias = tuple[State, str | None]

COLUMNS = "_state STRING, _reason STRING"
_STRUCT = f"STRUCT<{COLUMNS}>"


def report(run_id: str, *, journal: str | DatabaseAddress) -> Report:
    """Return the counts of all rows that were sent in a run, as they are at this moment.

    `complete` is always False, because a journal does not say whether every row was read; rows that were rejected
    before they were sent are not counted. Raises `Invalid` if the database cannot be used, or has no such run.
    """
    address = _address(journal)
    _definition(address, run_id)
    states: Counter[State] = Counter()
    reasons: Counter[str] = Counter()
    first_reasons: dict[State, str] = {}
    jobs: dict[int, None] = {}
    chunks = 0
    for line in lines(address, runs_of(run_id)):
        chunks += 1
        for (state, reason), count in line.entry.reasons().items():
            states[state] += count
            if reason and state != "accepted":
                reasons[reason] += count
                first_reasons.setdefault(state, reason)
        if line.entry.state == "submitted" and line.entry.request_id is not None:
            jobs[line.entry.request_id] = None
    return Report(
        read=states.total(),
        accepted=states["accepted"],
        submitted=states["submitted"],
        rejected=states["rejected"],
        in_doubt=states["in_doubt"],
        not_sent=states["not_sent"],
        chunks=chunks,
        reasons=dict(reasons.most_common()),
        first_reasons=first_reasons,
        unfollowed=len(jobs),
        request_ids=tuple(jobs)[:MAX_REQUEST_IDS],
        journal=str(address),
    )


def problems(
    df: "DataFrame", run_id: str, *, journal: str | DatabaseAddress, extra_columns: ExtraColumns = "error"
) -> "DataFrame":
    """Return the rows of a DataFrame that were rejected or are in doubt, with `_state` and `_reason`.

    `df` must have the columns and values that were written, in any order and partitions, and `extra_columns` be what
    was written with. Rows that cannot be sent are among them, with the reason. If one of several rows that are alike in
    every byte has a problem, all of them are shown. Raises `Invalid` if the database cannot be used, or has no such
    run.
    """
    address = _address(journal)
    what = _definition(address, run_id)
    known = _problems_of(address, run_id)
    find = partial(_found, known, what["kind"], tuple(what["tags"]), extra_columns)
    if hasattr(F, "arrow_udf"):  # since 4.1; unlike mapInArrow it needs no pandas
        import pyarrow as pa

        @F.arrow_udf(_STRUCT)  # type: ignore[untyped-decorator]
        def verdicts(rows: pa.Array) -> pa.Array:
            return pa.StructArray.from_arrays(find(pa.RecordBatch.from_struct_array(rows)), ["_state", "_reason"])

        judged = df.withColumn("_salesmanago", verdicts(F.struct(*(F.col(_quoted(name)) for name in df.columns))))
        states = [F.col("_salesmanago._state").alias("_state"), F.col("_salesmanago._reason").alias("_reason")]
        return judged.filter("_salesmanago._state IS NOT NULL").select(*map(_quoted, df.columns), *states)

    def judged_batches(batches: "Iterator[RecordBatch]") -> "Iterator[RecordBatch]":
        for batch in batches:
            found, reasons = find(batch)
            yield batch.append_column("_state", found).append_column("_reason", reasons)

    schema = f"{df.schema.toDDL()}, {COLUMNS}"
    return df.mapInArrow(judged_batches, schema).filter("_state IS NOT NULL")


def _found(
    known: Mapping[bytes, Verdict], kind: str, tags: tuple[str, ...], extra_columns: ExtraColumns, batch: "RecordBatch"
) -> tuple[Any, Any]:
    """Return the states and reasons of the rows of a batch, as columns; null for rows without a problem."""
    import pyarrow as pa

    shape = contact_shape(extra_columns) if kind == "contacts" else event_shape(extra_columns)
    reading = ReadOptions(extra_columns=extra_columns)
    table = TableRows(batch.schema, shape.read_by(reading.rules), reading)
    encoder = table.encoder(tags)
    verdicts: list[Verdict | tuple[None, None]] = []
    for row in table.rows(batch):
        try:
            item, _ = encoder.encode(row)
        except Exception as error:  # as a run does: a row that cannot be encoded is rejected
            verdicts.append(("rejected", str(error) if isinstance(error, Invalid) else type(error).__name__))
        else:
            verdicts.append(known.get(digest(item), (None, None)))
    columns = zip(*verdicts, strict=True) if verdicts else ((), ())
    states, reasons = (pa.array(column, pa.string()) for column in columns)
    return states, reasons


def _problems_of(address: DatabaseAddress, run_id: str) -> dict[bytes, Verdict]:
    """Return the digests of all records that were rejected or are in doubt."""
    found: dict[bytes, Verdict] = {}
    for line in lines(address, runs_of(run_id)):
        if PROBLEMS.isdisjoint(state for state, _ in line.entry.reasons()):
            continue
        for index, verdict in enumerate(_verdicts(line)):
            if verdict[0] in PROBLEMS:
                found[line.checksums[DIGEST_SIZE * index : DIGEST_SIZE * (index + 1)]] = verdict
    return found


def _verdicts(line: JournalLine) -> Iterator[Verdict]:
    """Yield the state and the reason of each record of a line."""
    entry = line.entry
    for first, last in entry.spans:
        for number in range(first, last + 1):
            yield entry.others.get(number, (entry.state, entry.reason))


def _definition(address: DatabaseAddress, run_id: str) -> Mapping[str, Any]:
    """Return what the runs of the partitions are; they differ in nothing."""
    for what in imports(address, runs_of(run_id)).values():
        if what.get("kind"):
            return what  # type: ignore[no-any-return]
    raise Invalid(f"there is no run {run_id!r} in {address}", field="run_id")


def _address(journal: str | DatabaseAddress) -> DatabaseAddress:
    return journal if isinstance(journal, DatabaseAddress) else database_of(journal)


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
