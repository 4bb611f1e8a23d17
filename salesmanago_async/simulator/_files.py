"""Sends files like a file host: the whole file, or the requested part (RFC 9110: 13, 14)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

from attrs import evolve

from ._refusal import RefusedCall
from ._reply import SimulatedReply, refused
from ._store import StoredFile

_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)


def asked_part(headers: Mapping[str, str], file: StoredFile) -> range | None:
    """Return the requested part; an empty range if the file has no such bytes, None for the whole file.

    A Range header is ignored if it is malformed, names several parts, or is for another version of the file. A date
    does not identify a version, because a file can change twice in a second.
    """
    found = _ONE_RANGE.fullmatch(headers.get("range", ""))
    if not found or headers.get("if-range", file.etag) != file.etag:
        return None
    first, last = (int(number) if number else None for number in found.groups())
    return _part(first, last, len(file.content))


def _part(first: int | None, last: int | None, length: int) -> range | None:
    if first is None:
        return None if last is None else range(max(0, length - last), length)
    if last is None:
        return range(first, length)
    return None if last < first else range(first, min(last + 1, length))


def file_reply(file: StoredFile, part: range | None) -> SimulatedReply:
    """Return the reply with this part of a file; None means the whole file."""
    whole = SimulatedReply(200, file.content, media_type=_media_type(file.content), headers=_headers(file))
    if part is None:
        return whole
    length = len(file.content)
    if not part:
        refusal = refused(RefusedCall("the file has no such part", status=416))
        return evolve(refusal, headers={"content-range": f"bytes */{length}"})
    headers = {**whole.headers, "content-range": f"bytes {part[0]}-{part[-1]}/{length}"}
    return evolve(whole, status=206, content=file.content[part.start : part.stop], headers=headers)


def _headers(file: StoredFile) -> dict[str, str]:
    made = format_datetime(datetime.fromtimestamp(int(file.made_on), UTC), usegmt=True)
    return {"etag": file.etag, "last-modified": made, "accept-ranges": "bytes"}


def _media_type(content: bytes) -> str:
    return "application/zip" if is_archive(content) else "application/json;charset=UTF-8"


def is_archive(content: bytes) -> bool:
    """Return whether the content is a ZIP."""
    return content.startswith(b"PK")
