"""The files behind links, as a host of files gives them: whole, or the part that is asked for (RFC 9110: 13, 14)."""

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
    """Return which of its bytes are asked for: none where it has not got them; None: the file as a whole.

    A Range that is not understood is not heeded, nor is one of several parts, nor one for another version of the file;
    a date tells no version, since a file can change twice a second.
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
    """Return the reply that has this part of a file; None: all of it."""
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
    """Tell whether it is a ZIP."""
    return content.startswith(b"PK")
