"""Where the journal of an import is: a run in a PostgreSQL database, named after the task, or a file."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseHook
from attrs import frozen

from ...errors import Invalid
from ...stores.addresses import MAX_NAME, DatabaseAddress, JournalPlace, journal_place
from .hook import extra_of


@frozen
class JournalOf:
    """The journal of a task as its trigger may keep it: nothing of it is secret.

    `where` is the address of a database without a password, or the path of a file; or else `conn_id` is the Airflow
    connection of the database.
    """

    run: str
    where: str | None = None
    conn_id: str | None = None

    def place(self) -> JournalPlace | None:
        """Return the journal; None if the task has none. Raises `Invalid` for an address that cannot be used."""
        if self.conn_id:
            connection = BaseHook.get_connection(self.conn_id)
            return _address(connection, connection.extra_dejson).of_run(self.run)
        return self._given()

    async def aplace(self) -> JournalPlace | None:
        """Return the journal, without blocking the event loop of a triggerer."""
        if self.conn_id:
            connection = await BaseHook.aget_connection(self.conn_id)
            return _address(connection, await extra_of(connection)).of_run(self.run)
        return self._given()

    def _given(self) -> JournalPlace | None:
        if self.where is None:
            return None
        if "://" not in self.where:
            return journal_place(self.where)
        address = DatabaseAddress.parse(self.where)
        if address.passwords:
            raise Invalid(
                "Airflow shows and stores the arguments of a task, so this address must have no password; give "
                "journal_conn_id, or set PGPASSFILE or PGPASSWORD",
                field="journal",
            )
        return address if address.run else address.of_run(self.run)


def run_of_task(context: Mapping[str, Any]) -> str:
    """Return the name of the run of a task: the same for each try of it."""
    task = context["ti"]
    index = "" if task.map_index in {None, -1} else f"/{task.map_index}"
    name = f"{task.dag_id}/{task.run_id}/{task.task_id}{index}"
    if len(name) <= MAX_NAME:
        return name
    digest = blake2b(name.encode(), digest_size=8).hexdigest()
    return f"{name[: MAX_NAME - len(digest) - 1]}-{digest}"


def _address(connection: Any, extra: Mapping[str, Any]) -> DatabaseAddress:
    user = quote(connection.login or "", safe="")
    password = f":{quote(connection.password, safe='')}" if connection.password else ""
    place = (
        f"{connection.host or ''}{f':{connection.port}' if connection.port else ''}/{quote(connection.schema or '')}"
    )
    options = "&".join(f"{name}={quote(value)}" for name, value in extra.items() if isinstance(value, str))
    at = "@" if user or password else ""
    return DatabaseAddress.parse(f"postgresql://{user}{password}{at}{place}{'?' if options else ''}{options}")
