"""What the tests of buffers send, and the gateway in front of the simulator."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, overload

import anyio

from salesmanago_async import Contact, ExternalEvent
from salesmanago_async.simulator import Simulator
from salesmanago_async.stores.addresses import DatabaseAddress, JournalPlace
from tests.postgresql import copied_run

UPSERT = "contact/batchupsertv2"
ADD = "contact/batchAddContactExtEvent"


def contact(number: int, **fields: Any) -> Contact:
    return Contact(**{"email": f"c{number}@example.com", "name": f"N{number}", **fields})


def purchase(number: int, of: int | None = None) -> ExternalEvent:
    return ExternalEvent(
        email=f"c{number if of is None else of}@example.com",
        date=1_700_000_000_000 + number,
        contact_ext_event_type="PURCHASE",
        external_id=f"E{number}",
    )


class Gateway:
    """Stands in front of the simulator: records the requests and their times; answers itself while it is `away`."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.asked: list[tuple[str, float]] = []
        self.away: int | None = None

    def times(self, path: str) -> list[float]:
        return [time for asked, time in self.asked if asked == path]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append((scope["path"].removeprefix("/api/"), anyio.current_time()))
        if self.away is None:
            await self.simulator(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.away, "headers": []})
        await send({"type": "http.response.body", "body": b"away"})


@overload
def leave(place: Path, folder: str) -> Path: ...
@overload
def leave(place: JournalPlace, folder: str) -> JournalPlace: ...
def leave(place: JournalPlace, folder: str) -> JournalPlace:
    """Return the queue as a kill at this moment would leave it: a copy of it, which no process has open."""
    if isinstance(place, DatabaseAddress):
        return copied_run(place)
    copy = place.parent / folder
    copy.mkdir()
    for file in place.parent.glob("*.db"):
        shutil.copy(file, copy / file.name)
    return copy / place.name


def files_of(path: Path) -> Iterator[Path]:
    """The file of a queue, and the files that SQLite has beside it."""
    return path.parent.glob(f"{path.name}*")
