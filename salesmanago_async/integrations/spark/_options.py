"""The options of a write and of a read, checked on the driver. Pure: no I/O, no Spark.

Options are shown in plans, in the pages of the UI and in event logs. So none of them may be a secret.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from math import inf
from typing import Any, Literal, Self, TypeVar

from attrs import frozen

from ...errors import Invalid
from ...imports.settings import MAX_ITEMS, InDoubt, check_tag
from ...quotas.address import QuotaAddress
from ...records.shapes import ExtraColumns
from ...stores.addresses import MAX_NAME, SCHEMES, DatabaseAddress
from ...stores.waiting import LOCK_TIMEOUT
from ...support.nearest import nearest

Operation = Literal["contacts", "events"]
What = Literal["contacts", "modified"]
ValueT = TypeVar("ValueT")

CONCURRENCY = 4
"""How many requests of one partition are in flight at most, unless the options say otherwise."""
POLL_INTERVAL = 60.0

_SECRETS = frozenset(
    {"apikey", "apisecret", "clientid", "credentialsjson", "password", "secret", "sha", "token", "username"}
)
_NEVER = (
    "is not taken as an option, because options are shown in plans, in the UI and in event logs; set SALESMANAGO_"
    "CLIENT_ID, _API_KEY and _API_SECRET in the environment of the executors, or give credentials=MODULE:FUNCTION"
)


@frozen(kw_only=True)
class ClientOptions:
    """The options that a write and a read have in common: those of the client on an executor."""

    quota: str | None = None
    concurrency: int = CONCURRENCY
    poll_interval: float = POLL_INTERVAL
    credentials: str | None = None


@frozen(kw_only=True)
class WriteOptions(ClientOptions):
    """The options of a write.

    `journal` is a database, `run_id` the beginning of the names of its runs, one for each partition.
    """

    operation: Operation
    run_id: str | None = None
    journal: DatabaseAddress | None = None
    partitions: int | None = None
    wait: bool = True
    tags: tuple[str, ...] = ()
    in_doubt: InDoubt = "ask"
    extra_columns: ExtraColumns = "error"
    batch_size: int = MAX_ITEMS
    lock_timeout: float = LOCK_TIMEOUT

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Self:
        """Read the options of `df.write`; raise `Invalid` that names the one that cannot be used."""
        options = cls(**_read(given, _OF_WRITE, required="operation"))
        if options.journal is None and options.operation == "events":
            raise Invalid(
                "events need a journal: Spark may run a task twice, and it does not always tell; give "
                "journal=postgresql://host/database, runId and partitions",
                field="journal",
            )
        if options.journal is not None:
            for name, value in (("runId", options.run_id), ("partitions", options.partitions)):
                if value is None:
                    raise Invalid(f"a journal needs it; {_NEEDED[name]}", field=name)
        if options.operation == "events" and options.extra_columns == "properties":
            raise Invalid("is for contacts; give error or ignore", field="extraColumns")
        if options.operation == "events" and options.tags:
            raise Invalid("are for contacts", field="tags")
        return options

    def run(self, partition: int) -> dict[str, Any]:
        """Return the options of the run of a partition; raise `Invalid` for one that must not be there."""
        if self.partitions is not None and partition >= self.partitions:
            raise Invalid(
                f"is {self.partitions}, but this is partition number {partition}, counted from 0; a run that was begun "
                f"with another number cannot be continued",
                field="partitions",
            )
        options: dict[str, Any] = {
            "wait": self.wait,
            "batch_size": self.batch_size,
            "extra_columns": self.extra_columns,
        }
        if self.operation == "contacts":
            options["tags"] = self.tags
        else:
            options["in_doubt"] = self.in_doubt
        if self.journal is not None:
            options |= {
                "journal": self.journal.of_run(partition_run(self.run_id or "", partition)),
                "known_by": "content",
                "identity": {"partitions": self.partitions},
                "when_busy": "wait",
                "lock_timeout": self.lock_timeout,
            }
        return options


_NEEDED = {
    "operation": "give contacts or events",
    "what": "give contacts or modified",
    "runId": "a name of your choice, the same each time this job is run again until it has succeeded",
    "partitions": "the number of partitions of the DataFrame, as in prepare(df, partitions=8)",
}


def partition_run(run_id: str, partition: int) -> str:
    """Return the name of the run of a partition."""
    return f"{runs_of(run_id)}{partition}"


def runs_of(run_id: str) -> str:
    """Return how the names of the runs of all partitions begin."""
    return f"{run_id}/"


@frozen(kw_only=True)
class ReadOptions(ClientOptions):
    """The options of a read; `start` and `end` are UNIX milliseconds, for "modified" alone."""

    what: What
    partitions: int = 4
    start: int | None = None
    end: int | None = None
    page_size: int = MAX_ITEMS

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Self:
        """Read the options of `spark.read`; raise `Invalid` that names the one that cannot be used."""
        options = cls(**_read(given, _OF_READ, required="what"))
        if (options.what == "modified") is not (options.start is not None and options.end is not None):
            raise Invalid('start and end are both for what="modified", which needs both', field="start")
        if options.start is not None and options.end is not None and options.start > options.end:
            raise Invalid("the span ends before it begins", field="end")
        return options


# One option


def _one_of(*known: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in known:
            raise ValueError(f"is {text!r}, not one of {', '.join(known)}")
        return text

    return read


def _number(text: str, make: Callable[[str], Any], *, least: float, most: float = inf) -> Any:
    try:
        value = make(text)
    except ValueError:
        raise ValueError(f"is {text!r}, which is no number") from None
    if not least <= value <= most:
        raise ValueError(f"is {text}; give {least:g} {'or more' if most == inf else f'to {most:g}'}")
    return value


def _bool(text: str) -> bool:
    return _one_of("true", "false")(text.lower()) == "true"


def _tags(text: str) -> tuple[str, ...]:
    return tuple(check_tag(tag.strip()) for tag in text.split(",") if tag.strip())


def _moment(text: str) -> int:
    if text.isdecimal():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("give UNIX milliseconds, or a time like 2026-11-30T00:00:00+00:00") from None
    if moment.tzinfo is None:
        raise ValueError("the time has no time zone; add one, such as +00:00")
    return int(moment.timestamp() * 1000)


def _run_id(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > MAX_NAME - 10:
        raise ValueError(f"give a printable name of at most {MAX_NAME - 10} characters")
    return text


def database_of(text: str) -> DatabaseAddress:
    """Return the address of the database of journals; raise `Invalid` if it names a run, or shows a password."""
    if not text.startswith(SCHEMES):
        raise Invalid("executors share no files; give the address of a database: postgresql://host/database")
    address = DatabaseAddress.parse(text)
    if address.run is not None:
        raise Invalid("the address names a run; the runs are named by runId and the number of the partition")
    return address


def _journal(text: str) -> DatabaseAddress:
    address = database_of(text)
    _check_no_password(address)
    return address


def _quota(text: str) -> str:
    _check_no_password(QuotaAddress.parse(text).database)
    return text


def _check_no_password(address: DatabaseAddress) -> None:
    if address.passwords:
        raise Invalid("has a password, and options are shown; set PGPASSWORD or PGPASSFILE on the executors")


def _function(text: str) -> str:
    module, colon, name = text.partition(":")
    if not (colon and all(part.isidentifier() for part in (*module.split("."), name))):
        raise ValueError("give MODULE:FUNCTION, which the executors import")
    return text


_Reader = Callable[[str], Any]
_COMMON: Mapping[str, tuple[str, _Reader]] = {
    "quota": ("quota", _quota),
    "concurrency": ("concurrency", partial(_number, make=int, least=1)),
    "pollInterval": ("poll_interval", partial(_number, make=float, least=0)),
    "credentials": ("credentials", _function),
}
_OF_WRITE: Mapping[str, tuple[str, _Reader]] = {
    "operation": ("operation", _one_of("contacts", "events")),
    "runId": ("run_id", _run_id),
    "journal": ("journal", _journal),
    "partitions": ("partitions", partial(_number, make=int, least=1)),
    "wait": ("wait", _bool),
    "tags": ("tags", _tags),
    "inDoubt": ("in_doubt", _one_of("ask", "send", "drop")),
    "extraColumns": ("extra_columns", _one_of("error", "ignore", "properties")),
    "batchSize": ("batch_size", partial(_number, make=int, least=1, most=MAX_ITEMS)),
    "lockTimeout": ("lock_timeout", partial(_number, make=float, least=0)),
    **_COMMON,
}
_OF_READ: Mapping[str, tuple[str, _Reader]] = {
    "what": ("what", _one_of("contacts", "modified")),
    "partitions": ("partitions", partial(_number, make=int, least=1)),
    "start": ("start", _moment),
    "end": ("end", _moment),
    "pageSize": ("page_size", partial(_number, make=int, least=1, most=MAX_ITEMS)),
    **_COMMON,
}


def _read(given: Mapping[str, str], known: Mapping[str, tuple[str, _Reader]], *, required: str) -> dict[str, Any]:
    """Return options by the names of their fields; Spark gives them in any case of letters."""
    by_name = {name.lower(): (name, *reader) for name, reader in known.items()}
    values: dict[str, Any] = {}
    for name, text in given.items():
        plain = name.lower()
        if plain in _SECRETS:
            raise Invalid(_NEVER, field=name)
        if plain not in by_name:
            near = nearest(plain, by_name)
            hint = f"; did you mean {by_name[near][0]}?" if near else ""
            raise Invalid(f"there is no such option{hint}", field=name)
        shown, attribute, read = by_name[plain]
        try:
            values[attribute] = read(text)
        except Invalid as error:
            raise Invalid(error.rule, field=shown) from None
        except ValueError as error:
            raise Invalid(str(error), field=shown) from None
    if required not in values:
        raise Invalid(f"is missing; {_NEEDED[required]}", field=required)
    return values
