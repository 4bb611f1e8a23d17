"""Which part of a file to ask for, and which part an answer holds. Pure (RFC 9110: 8.8.3, 13.1.5, 14, 15.3.7)."""

import re
from collections.abc import Mapping

from attrs import frozen

_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]+"')
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)", re.ASCII)


@frozen
class Version:
    """What an answer told of the file whose bytes it brought: a strong `etag`, and the `total` number of bytes."""

    etag: str | None = None
    total: int | None = None


UNKNOWN = Version()


@frozen
class ByteRange:
    """What the body of an answer holds: the bytes of a version from `start` up to, not including, `end`."""

    version: Version
    start: int = 0
    end: int | None = None


def headers_for_the_rest(length: int, version: Version) -> dict[str, str]:
    """Return the headers that ask for what follows the first `length` bytes of `version`.

    There are none where that version cannot be told from another one: then the whole file must come again.
    """
    if not length or version.etag is None:
        return {}
    return {"Range": f"bytes={length}-", "If-Range": version.etag, "Accept-Encoding": "identity"}


def part_in(status: int, headers: Mapping[str, str], length: int, version: Version) -> ByteRange | None:
    """Return what an answer holds; None where it is no answer to the question for what follows `length` bytes."""
    if status == 200:
        promised = _total(headers)
        total = version.total if promised is None else promised
        return ByteRange(Version(_etag(headers), total), end=total)
    found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    if status != 206 or not found or not headers_for_the_rest(length, version):
        return None
    start, last, total = map(int, found.groups())
    offered = Version(_etag(headers), total)
    is_right = start == length <= last < total and version in {offered, Version(offered.etag)}
    return ByteRange(offered, start, last + 1) if is_right else None


def _etag(headers: Mapping[str, str]) -> str | None:
    """Return what tells this very file from every other: a strong ETag, of a file that can be had in parts."""
    etag = headers.get("etag", "")
    has_parts = headers.get("accept-ranges", "").lower() != "none" and not _is_packed(headers)
    return etag if has_parts and _STRONG_ETAG.fullmatch(etag) else None


def _total(headers: Mapping[str, str]) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() and not _is_packed(headers) else None


def _is_packed(headers: Mapping[str, str]) -> bool:
    """Tell whether the bytes on the wire are others than those of the file."""
    return headers.get("content-encoding", "identity").lower() != "identity"
