"""Applies a fault to the download of a file."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import orjson
from attrs import evolve

from ._faults import Fault
from ._files import asked_part, file_reply, is_archive
from ._reply import SimulatedReply, maintenance_page
from ._store import StoredFile

_BOMB_MEGABYTES = 128


def reply_with(file: StoredFile, headers: Mapping[str, str], fault: Fault | None) -> SimulatedReply:
    """Return the reply to a request for a file with these headers, changed by the fault, if there is one."""
    if fault and fault.kind == "other-file":
        return _other_file(str(fault.how), file, headers)
    part = asked_part(headers, file)
    if fault and fault.kind == "wrong-range":
        return _WRONG_PARTS[str(fault.how)](file, part)
    reply = file_reply(file, part)
    return evolve(reply, sent=fault.after) if fault and fault.kind == "expired" else reply


def _other_file(how: str, file: StoredFile, headers: Mapping[str, str]) -> SimulatedReply:
    if how == "page":
        return maintenance_page()
    other = evolve(file, content=_OTHERS[how](file.content))
    return file_reply(other, asked_part(headers, other))


# Another file


def _reordered(content: bytes) -> bytes:
    """Return the same records, and their fields, in reverse order; the length stays the same, except for archives."""
    if is_archive(content):
        return _archive((name, _reordered(part)) for name, part in _members(content))
    found = orjson.loads(content)
    return orjson.dumps(_with_reversed_fields(found[::-1] if isinstance(found, list) else found))


def _with_reversed_fields(value: Any) -> Any:
    """Return the value with the fields of every object in reverse order."""
    if isinstance(value, dict):
        return {name: _with_reversed_fields(value[name]) for name in reversed(value)}
    return [_with_reversed_fields(element) for element in value] if isinstance(value, list) else value


def _outside(content: bytes) -> bytes:
    (_, first), *others = _members(content) if is_archive(content) else [("", content)]
    return _archive([("../../x", first), *others])


@cache
def _bomb() -> bytes:
    """Return an archive of one array without elements, mostly white space."""
    target, blanks = BytesIO(), b" " * 1024**2
    with ZipFile(target, "w", ZIP_DEFLATED) as zipped, zipped.open("conversation_1.json", "w") as part:
        for piece in (b"[", *[blanks] * _BOMB_MEGABYTES, b"]"):
            part.write(piece)
    return target.getvalue()


_OTHERS: Mapping[str, Callable[[bytes], bytes]] = {
    "reordered": _reordered,
    "outside": _outside,
    "bomb": lambda _: _bomb(),
}


def _members(archive: bytes) -> list[tuple[str, bytes]]:
    with ZipFile(BytesIO(archive)) as zipped:
        return [(name, zipped.read(name)) for name in zipped.namelist()]


def _archive(members: Iterable[tuple[str, bytes]]) -> bytes:
    target = BytesIO()
    with ZipFile(target, "w") as zipped:
        for name, content in members:
            zipped.writestr(ZipInfo(name), content, ZIP_DEFLATED)
    return target.getvalue()


# A wrong part


def _ignored(file: StoredFile, _: range | None) -> SimulatedReply:
    whole = file_reply(file, None)
    return evolve(whole, headers={name: text for name, text in whole.headers.items() if name != "accept-ranges"})


def _too_early(file: StoredFile, part: range | None) -> SimulatedReply:
    return file_reply(file, part and range(max(part.start - 1, 0), part.stop))


def _of_a_longer_file(file: StoredFile, part: range | None) -> SimulatedReply:
    reply = file_reply(file, part)
    content_range = reply.headers.get("content-range")
    if content_range is None:
        return reply
    span, _, total = content_range.partition("/")
    return evolve(reply, headers={**reply.headers, "content-range": f"{span}/{int(total) + 1}"})


def _of_another_version(file: StoredFile, part: range | None) -> SimulatedReply:
    other = evolve(file, content=_reordered(file.content)) if part else file
    return file_reply(other, part and range(part.start, min(part.stop, len(other.content))))


_WRONG_PARTS: Mapping[str, Callable[[StoredFile, range | None], SimulatedReply]] = {
    "ignored": _ignored,
    "start": _too_early,
    "total": _of_a_longer_file,
    "version": _of_another_version,
}
