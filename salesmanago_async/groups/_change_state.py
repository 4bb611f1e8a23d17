"""The state that connects one export of modified contacts to the next: in a file, or in a PostgreSQL database."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio.to_thread

from ..exports.changes import ChangesState, document_of, read_state, state_in, write_state
from ..extras import check_postgresql
from ..stores.addresses import DatabaseAddress, JournalPlace


async def read_change_state(place: JournalPlace, *, whose: Mapping[str, Any]) -> tuple[ChangesState | None, int]:
    """Return the state at a place, None if there is none yet, and its version; raise `Invalid` if it is no such state.

    A file has no version.
    """
    if isinstance(place, Path):
        return read_state(place, whose=whose), 0
    check_postgresql("state")
    from ..stores.postgresql_states import read_document

    content, version = await anyio.to_thread.run_sync(read_document, place)
    return None if content is None else state_in(content, str(place), whose=whose), version


async def write_change_state(place: JournalPlace, state: ChangesState, *, version: int) -> None:
    """Replace the state that was read as this `version`.

    In a database, raises `JournalFailed` if another export has written it since.
    """
    if isinstance(place, Path):
        await anyio.to_thread.run_sync(write_state, place, state)
    else:
        await anyio.to_thread.run_sync(_write, place, state, version)


def _write(address: DatabaseAddress, state: ChangesState, version: int) -> None:
    from ..stores.postgresql_states import write_document

    write_document(address, document_of(state), version=version)
