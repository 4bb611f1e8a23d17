"""One file of a load package is one run: its rows, its journal, and what becomes of its failures."""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Self, TypeAlias, TypedDict

import anyio
import orjson
import pyarrow.parquet
from attrs import frozen
from dlt.common.destination.exceptions import DestinationTerminalException, DestinationTransientException
from dlt.common.schema.typing import TTableSchema
from dlt.common.storages.load_package import ParsedLoadJobFileName

from ...client import SalesManago
from ...errors import Invalid, Refused, SalesManagoError
from ...imports.report import Report
from ...imports.settings import check_options
from ...stores.addresses import SCHEMES, DatabaseAddress, GivenPlace
from ._credentials import SalesManagoCredentials

_log = logging.getLogger("salesmanago_async.integrations.dlt")

OnReport: TypeAlias = Callable[[str, Report], object]
"""Called with the name of a table and the report of one of its files."""
Send: TypeAlias = Callable[..., Awaitable[Report]]
FOLDER = "salesmanago"
"""The folder of a package that has the journals of its files."""


class ClientOptions(TypedDict, total=False):
    """The options of the client: see `SalesManago`."""

    concurrency: int
    rate: float | None
    poll_interval: float
    quota: str | None


@frozen(kw_only=True)
class FileLoad:
    """How a destination loads the files of its tables: by `send` of a client."""

    send: Callable[[SalesManago], Send]
    dispositions: Sequence[str]
    client: Mapping[str, Any]
    run: Mapping[str, Any]
    journal: DatabaseAddress | None
    on_report: OnReport | None

    @classmethod
    def checked(
        cls,
        send: Callable[[SalesManago], Send],
        options: Mapping[str, Any],
        of_run: type,
        *,
        dispositions: Sequence[str],
        on_report: OnReport | None,
    ) -> Self:
        """Sort the options; raise `TypeError` for an unknown one, and `Invalid` for one that cannot be used here."""
        client = {name: value for name, value in options.items() if name in ClientOptions.__annotations__}
        run = {name: value for name, value in options.items() if name not in client}
        check_options(run, of_run)
        if run.get("dry_run"):
            raise Invalid("dlt would take the rows for loaded; make a dry run of a file instead", field="dry_run")
        journal = run.pop("journal", None)
        return cls(
            send=send,
            dispositions=dispositions,
            client=client,
            run=run,
            journal=None if journal is None else _database(journal),
            on_report=on_report,
        )

    def __call__(self, path: Path, table: TTableSchema, credentials: SalesManagoCredentials) -> None:
        """Load a file to its end; raise if there are records whose outcome is not known, so that dlt keeps the file."""
        try:
            self._check(table)
            with ThreadPoolExecutor(1) as thread:  # this one may have an event loop, in a notebook
                report = thread.submit(anyio.run, partial(self._load, path, table, credentials)).result()
            self._tell(str(table["name"]), report)
            report.raise_if_incomplete()
        except (Invalid, Refused) as error:
            raise DestinationTerminalException(_text(table, error)) from None
        except SalesManagoError as error:
            raise DestinationTransientException(_text(table, error)) from None

    def _check(self, table: TTableSchema) -> None:
        wanted = table.get("write_disposition") or "append"
        if wanted not in self.dispositions:
            raise Invalid(
                f"is {wanted!r}, which this destination cannot do; give {' or '.join(self.dispositions)}",
                field="write_disposition",
            )

    async def _load(self, path: Path, table: TTableSchema, credentials: SalesManagoCredentials) -> Report:
        columns = list(table["columns"])
        objects = [name for name, column in table["columns"].items() if column.get("data_type") == "json"]
        async with credentials.client(**self.client) as sm:
            send = self.send(sm)
            if objects:  # an unknown key would reject each row; a table with an unknown column is refused
                checking = {**self.run, "dry_run": True, "on_progress": None}
                await send(islice(_batches(path, columns), 1), **checking)
            rows = _rows(path, columns, objects) if objects else _batches(path, columns)
            return await send(rows, **self.run, journal=self._journal(path))

    def _journal(self, path: Path) -> DatabaseAddress | Path:
        """Return the journal of a file, which is the same each time that dlt tries the file again."""
        package = path.parents[1]
        job = ParsedLoadJobFileName.parse(path.name)
        name = f"{job.table_name}.{job.file_id}"
        if self.journal:
            return self.journal.of_run(f"{self.journal.run or 'dlt'}/{package.name}/{name}")
        folder = package / FOLDER
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.db"

    def _tell(self, name: str, report: Report) -> None:
        level = logging.WARNING if report.rejected else logging.INFO
        _log.log(level, "%s: %s%s", name, report, "".join(f"; {n:,} times: {why}" for why, n in report.reasons.items()))
        if self.on_report:
            self.on_report(name, report)


def _text(table: TTableSchema, error: SalesManagoError) -> str:
    """Return what dlt shows and keeps of an error, without the trace of this library that would surround it."""
    return f"table {table['name']}: {type(error).__name__}: {error}"


def _database(given: GivenPlace) -> DatabaseAddress:
    if isinstance(given, DatabaseAddress):
        return given
    if not str(given).startswith(SCHEMES):
        rule = "give the address of a PostgreSQL database; without one, each file has a journal in its load package"
        raise Invalid(rule, field="journal")
    return DatabaseAddress.parse(str(given))


def _batches(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
        present = [name for name in file.schema_arrow.names if name in columns]
        yield from file.iter_batches(batch_size=4000, columns=present)


def _rows(path: Path, columns: Sequence[str], objects: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows as mappings, with the objects and lists that dlt keeps as JSON."""
    for batch in _batches(path, columns):
        for row in batch.to_pylist():
            yield {
                name: orjson.loads(value) if name in objects else value
                for name, value in row.items()
                if value is not None
            }
