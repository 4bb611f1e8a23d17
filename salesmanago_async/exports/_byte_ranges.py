"""Byte ranges: the headers that resume a download, and the range that an answer holds; no I/O.

See RFC 9110: 8.8.3, 13.1.5, 14, 15.3.7.
"""

import re
from collections.abc import Mapping

from attrs import frozen

_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]+"')
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)", re.ASCII)


@frozen
class Version:
    """The version of a file, as an answer described it: a strong `etag`, and the `total` number of bytes."""

    etag: str | None = None
    total: int | None = None


UNKNOWN = Version()


@frozen
class ByteRange:
    """The content of an answer's body: the bytes of a version from `start` up to, but not including, `end`."""

    version: Version
    start: int = 0
    end: int | None = None


def resume_headers(length: int, version: Version) -> dict[str, str]:
    """Return the headers that ask for what follows the first `length` bytes of `version`.

    Returns no headers if that version cannot be distinguished from another one: then the whole file must be sent again.
    """
    if not length or version.etag is None:
        return {}
    return {"Range": f"bytes={length}-", "If-Range": version.etag, "Accept-Encoding": "identity"}


def range_in(status: int, headers: Mapping[str, str], length: int, version: Version) -> ByteRange | None:
    """Return the range that an answer holds; None if the answer does not fit the request for the rest of the file."""
    if status == 200:
        etag, total = _etag(headers), _total(headers)
        is_another = None not in {etag, version.etag} and etag != version.etag
        if total is None and not is_another:  # the length of another version would make a cut file whole
            total = version.total
        return ByteRange(Version(etag, total), end=total)
    found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    if status != 206 or not found or not resume_headers(length, version):
        return None
    start, last, total = map(int, found.groups())
    offered = Version(_etag(headers), total)
    is_right = start == length <= last < total and version in {offered, Version(offered.etag)}
    return ByteRange(offered, start, last + 1) if is_right else None


def _etag(headers: Mapping[str, str]) -> str | None:
    """Return the strong ETag that identifies this file; None if there is none, or no range can be requested."""
    etag = headers.get("etag", "")
    supports_ranges = headers.get("accept-ranges", "").lower() != "none" and not _is_encoded(headers)
    return etag if supports_ranges and _STRONG_ETAG.fullmatch(etag) else None


def _total(headers: Mapping[str, str]) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() and not _is_encoded(headers) else None


def _is_encoded(headers: Mapping[str, str]) -> bool:
    """Return whether the bytes on the wire are compressed, and so differ from those of the file."""
    return headers.get("content-encoding", "identity").lower() != "identity"
