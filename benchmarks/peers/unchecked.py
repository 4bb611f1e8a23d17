"""Bodies and answers by orjson, as fast as they come: nothing is checked."""

from collections.abc import Collection
from typing import Any, cast

import orjson

from benchmarks.floors import body_of, entry_of


def write_contacts(rows: list[dict[str, Any]]) -> bytes:
    """Return a whole request."""
    return body_of(list(map(entry_of, rows)))


def read_request_id(answer: bytes) -> int:
    """Return the number of the job that was started."""
    return cast("int", orjson.loads(answer)["requestId"])


def read_link(answer: bytes) -> str | None:
    """Return where the result of a job is, None while there is none."""
    return cast("str | None", orjson.loads(answer)["fileUrl"])


def read_addresses(answer: bytes) -> Collection[str]:
    """Return the addresses that a result names."""
    return cast("Collection[str]", orjson.loads(answer)["contactIds"])
