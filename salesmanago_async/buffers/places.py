"""Where queues are on the disk: one file for each worker of an app, and those that dead workers have left.

    signups.db  signups.2.db  signups.3.db …

A worker opens the first file that no other worker has open. When it starts, it also sends the records in the files that
no worker has open.
"""

import logging
import re
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import Invalid
from ..stores.queue_rows import QueuedLine, QueueFile
from ..stores.sqlite import InUse

MAX_WORKERS = 256
"""The most files that are tried: on a file system that cannot lock, every file would be refused."""

_log = logging.getLogger("salesmanago_async")

Opened: TypeAlias = tuple[QueueFile, list[QueuedLine]]


async def claim(path: Path, identity: Mapping[str, Any]) -> Opened:
    """Open the first queue that no other worker has open, or begin a new one; raise `Invalid` if it cannot be used."""
    for number in range(1, MAX_WORKERS):
        try:
            return await QueueFile.open(_path_of(path, number), identity)
        except InUse:
            continue
    return await QueueFile.open(_path_of(path, MAX_WORKERS), identity)


async def orphaned_queues(path: Path, identity: Mapping[str, Any]) -> AsyncGenerator[Opened]:
    """Open the other queues that no worker has open and that hold records to be sent; log those that cannot be used."""
    for file_path in _paths_of(path):
        try:
            file, lines = await QueueFile.open(file_path, identity)
        except InUse:
            continue
        except Invalid as error:
            _log.error("What a worker has left cannot be sent: %s", error)
            continue
        if any(line.state != "rejected" for line in lines):
            yield file, lines
        else:
            await file.aclose()


def _path_of(path: Path, number: int) -> Path:
    return path if number == 1 else path.with_name(f"{path.stem}.{number}{path.suffix}")


def _paths_of(path: Path) -> list[Path]:
    form = re.compile(rf"{re.escape(path.stem)}(\.\d+)?{re.escape(path.suffix)}")
    return sorted(file_path for file_path in path.absolute().parent.iterdir() if form.fullmatch(file_path.name))
