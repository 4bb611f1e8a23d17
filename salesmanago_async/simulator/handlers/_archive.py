"""Creates the files that are documented as a ZIP of JSON arrays."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import orjson

MOST_RECORDS = 50_000
"""The most records of one JSON file in the archive."""


def archive(name: str, records: Sequence[Any]) -> bytes:
    """Return a ZIP of the files `name`_1.json, `name`_2.json …; without records, of one file with an empty array."""
    target = BytesIO()
    with ZipFile(target, "w") as zipped:
        for number, start in enumerate(range(0, len(records) or 1, MOST_RECORDS), 1):
            part = orjson.dumps(list(records[start : start + MOST_RECORDS]))
            zipped.writestr(ZipInfo(f"{name}_{number}.json"), part, ZIP_DEFLATED)
    return target.getvalue()
