"""Where queues lie on the disk: a file for each worker of an app, and those that dead workers have left.

    signups.db  signups.2.db  signups.3.db …

A worker takes the first that no other has open, and sends what lies, when it starts, in those that nobody has open.
"""

import logging
import re
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import Invalid
from ..stores.queue_rows import QueuedLine, QueueFile
from ..stores.sqlite import InUse

MOST_WORKERS = 256
"""Files that are tried; on a file system that cannot lock, none would ever do."""

_log = logging.getLogger("salesmanago_async")

Opened: TypeAlias = tuple[QueueFile, list[QueuedLine]]


async def claim(path: Path, what: Mapping[str, Any]) -> Opened:
    """Open the first queue that no other worker has open, or begin a new one; raise `Invalid` for an unusable one."""
    for number in range(1, MOST_WORKERS):
        try:
            return await QueueFile.open(_place(path, number), what)
        except InUse:
            continue
    return await QueueFile.open(_place(path, MOST_WORKERS), what)


async def left_behind(path: Path, what: Mapping[str, Any]) -> AsyncGenerator[Opened]:
    """Open the other queues that nobody has open and that hold records to be sent; what is wrong with one is logged."""
    for place in _places(path):
        try:
            file, lines = await QueueFile.open(place, what)
        except InUse:
            continue
        except Invalid as error:
            _log.error("What a worker has left cannot be sent: %s", error)
            continue
        if any(line.state != "rejected" for line in lines):
            yield file, lines
        else:
            await file.aclose()


def _place(path: Path, number: int) -> Path:
    return path if number == 1 else path.with_name(f"{path.stem}.{number}{path.suffix}")


def _places(path: Path) -> list[Path]:
    form = re.compile(rf"{re.escape(path.stem)}(\.\d+)?{re.escape(path.suffix)}")
    return sorted(place for place in path.absolute().parent.iterdir() if form.fullmatch(place.name))
