"""Reads a ZIP of JSON arrays: one part after another, piece by piece, and checks each part to its last byte.

The directory at the end of the file says where the parts are; `zipfile` reads it. The content is unpacked here: by the
package isal if it is installed (extra `zip`), otherwise by zlib.

Nothing that an archive says about itself is trusted. Names are displayed, never used as paths. Before the first part is
read, the sizes in the directory are compared with the limits. While a part is read, it is compared with the directory,
so no more is ever unpacked than the limits allow. Memory holds one piece of one part.
"""

import struct
import zlib
from collections.abc import AsyncGenerator, Callable, Iterator
from itertools import pairwise
from typing import IO, Any, BinaryIO, Protocol, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from anyio.lowlevel import checkpoint
from attrs import field, frozen

from ..errors import Unreadable
from .damage import DamageCounter
from .records import ArrayReader

PIECE_BYTES = 256 * 1024
"""The most bytes of a part that are unpacked in one step: 2 ms of work, including the parsing of its records."""


@frozen(kw_only=True)
class Limits:
    """How much an archive may hold, unpacked; an archive that holds more is refused before any of it is unpacked.

    Real parts have up to 50,000 records, about 20 MB. `ratio` is unpacked bytes to packed bytes, and is checked only
    for parts over 1 MiB: JSON seldom reaches 50, a ZIP bomb 1000.
    """

    parts: int = 1000
    part_bytes: int = 2 * 1024**3
    bytes: int = 64 * 1024**3
    ratio: float = 200.0


@frozen
class ArchivedFile:
    """One file of the archive, of `size` bytes; `name` is only for display: it must not be used as a path."""

    name: str
    size: int
    _file: BinaryIO = field(repr=False)
    _member: ZipInfo = field(repr=False)
    _end: int = field(repr=False)

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder, which has no content."""
        return self.name.endswith("/") and not self.size

    def pieces(self) -> Iterator[bytes]:
        """Yield the content, at most 256 KB at a time; a piece may be empty. Raise `Unreadable` if it is damaged."""
        unpacked = checksum = 0
        for piece in self._unpacked():
            unpacked += len(piece)
            checksum = _crc32(piece, checksum)
            if unpacked > self.size:
                raise self._damaged(f"it is longer than the {self.size} bytes that the directory says")
            yield piece
        if unpacked < self.size:
            raise self._damaged(f"it ends after {unpacked} of {self.size} bytes")
        if checksum != self._member.CRC:
            raise self._damaged("its checksum is wrong")

    def _unpacked(self) -> Iterator[bytes]:
        if self._member.compress_type == ZIP_STORED:
            return self._packed()
        return self._inflated()

    def _inflated(self) -> Iterator[bytes]:
        inflater = _decompressor(-zlib.MAX_WBITS)
        for packed in self._packed():
            waiting = packed
            while waiting:
                yield self._inflate(inflater, waiting)
                if inflater.eof and inflater.unused_data:
                    raise self._damaged("something follows its end")
                waiting = inflater.unconsumed_tail
        while not inflater.eof and (piece := self._inflate(inflater, b"")):
            yield piece

    def _inflate(self, inflater: "_Inflater", packed: bytes) -> bytes:
        try:
            return inflater.decompress(packed, PIECE_BYTES)
        except _INFLATE_ERRORS as error:
            raise self._damaged(str(error)) from None

    def _packed(self) -> Iterator[bytes]:
        """Yield the packed bytes of the file."""
        at = self._content_start()
        end = at + self._member.compress_size
        if end > self._end:
            raise self._damaged("it overlaps what follows it")
        while at < end:
            packed = _read(self._file, at, min(PIECE_BYTES // 4, end - at))
            if not packed:
                raise self._damaged("the file ends inside it")
            at += len(packed)
            yield packed

    def _content_start(self) -> int:
        header = _read(self._file, self._member.header_offset, _HEADER.size)
        if len(header) < _HEADER.size or not header.startswith(_HEADER_MARK):
            raise self._damaged("it does not begin where the directory says")
        name_length, extra_length = _HEADER.unpack(header)
        return self._member.header_offset + _HEADER.size + int(name_length) + int(extra_length)

    def _damaged(self, what: str) -> Unreadable:
        return Unreadable(f"part {shown(self.name)} of the archive is damaged: {what}")


def parts(file: BinaryIO, limits: Limits = Limits()) -> Iterator[ArchivedFile]:
    """Yield the parts of a complete archive, in the order of its directory; a folder is a part without content.

    Raises `Unreadable` if the file is not an archive, exceeds a limit, or is of an unsupported kind: encrypted,
    compressed by a method other than deflate, or with overlapping parts.
    """
    members, directory_start = _directory(file, limits)
    _check(members, limits)
    ends = _ends(members, directory_start)
    for member in members:
        yield ArchivedFile(member.filename, member.file_size, file, member, ends[member.header_offset])


async def records_of(
    file: BinaryIO, limits: Limits = Limits(), *, damage: DamageCounter | None = None
) -> AsyncGenerator[list[Any]]:
    """Yield the raw records of all parts, in batches; other tasks can run after each batch.

    Reading and unpacking run in the event loop, a piece at a time, because a piece takes less time than a thread would
    cost. Raises `Unreadable`, naming the part, if a part is damaged, is not a JSON array, or has no content. Damaged
    characters are counted in `damage`; without `damage` they are such an error as well.
    """
    for part in parts(file, limits):
        for batch in _batches(part, damage):
            await checkpoint()
            if batch:
                yield batch


def _batches(part: ArchivedFile, damage: DamageCounter | None) -> Iterator[list[Any]]:
    reader = ArrayReader(damage=damage)
    for piece in part.pieces():
        yield _naming(part, reader.feed, piece)
    if not part.is_folder:
        yield _naming(part, reader.close)


def _naming(part: ArchivedFile, read: Callable[..., list[Any]], *given: bytes) -> list[Any]:
    try:
        return read(*given)
    except Unreadable as error:
        raise Unreadable(f"part {shown(part.name)} of the archive: {error}") from None


def shown(name: str) -> str:
    """Return the name of a part in a form fit for a message: printable, quoted, and not long."""
    return repr(name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…")


def _directory(file: BinaryIO, limits: Limits) -> tuple[list[ZipInfo], int]:
    """Return the entries of the directory, and where it starts."""
    try:
        with ZipFile(cast("IO[bytes]", _Bounded(file, limits))) as archive:
            return archive.infolist(), archive.start_dir
    except _DIRECTORY_ERRORS as error:
        raise Unreadable(f"the file is not an archive, is damaged or was cut: {error}") from None


@frozen
class _Bounded:
    """The file as `zipfile` sees it. It refuses to read a directory into memory that is too large for the limits."""

    _file: BinaryIO
    _limits: Limits

    def read(self, size: int = -1) -> bytes:
        if size > max(self._limits.parts * _LARGEST_ENTRY, _LARGEST_TAIL):
            raise Unreadable(f"the archive's directory has {size} bytes: more than {self._limits.parts} parts need")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _check(members: list[ZipInfo], limits: Limits) -> None:
    if len(members) > limits.parts:
        raise Unreadable(f"the archive has {len(members)} parts: more than {limits.parts} are not read")
    for member in members:
        rule = _broken_rule(member, limits)
        if rule:
            raise Unreadable(f"part {shown(member.filename)} of the archive {rule}")
    unpacked = sum(member.file_size for member in members)
    if unpacked > limits.bytes:
        raise Unreadable(f"the archive holds {unpacked} bytes: more than {limits.bytes} are not unpacked")


def _broken_rule(member: ZipInfo, limits: Limits) -> str | None:
    size, packed = member.file_size, member.compress_size
    if member.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        return f"is packed by method {member.compress_type}: only deflate is read"
    if size > limits.part_bytes:
        return f"has {size} bytes: more than {limits.part_bytes} are not unpacked"
    if size > _ANY_RATIO_BYTES and size > limits.ratio * packed:
        return f"has {size} bytes packed into {packed}: more than {limits.ratio:g} to one are not unpacked"
    return None


def _ends(members: list[ZipInfo], directory_start: int) -> dict[int, int]:
    """Return, by the start of each part, where the next one starts; refuse parts that overlap."""
    starts = sorted(member.header_offset for member in members)
    ends = dict(pairwise([*starts, directory_start]))
    for member in members:
        start = member.header_offset
        if start < 0 or start + _HEADER.size + member.compress_size > ends[start]:
            raise Unreadable(f"part {shown(member.filename)} of the archive overlaps what follows it")
    return ends


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


class _Inflater(Protocol):
    eof: bool
    unused_data: bytes
    unconsumed_tail: bytes

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


try:
    from isal import isal_zlib

    _decompressor = cast("Callable[[int], _Inflater]", isal_zlib.decompressobj)
    _crc32: Callable[[bytes, int], int] = isal_zlib.crc32
    _INFLATE_ERRORS: tuple[type[Exception], ...] = (zlib.error, cast("type[Exception]", isal_zlib.error))
except ImportError:
    _decompressor = cast("Callable[[int], _Inflater]", zlib.decompressobj)
    _crc32 = zlib.crc32
    _INFLATE_ERRORS = (zlib.error,)

_DIRECTORY_ERRORS = (BadZipFile, NotImplementedError, ValueError, OverflowError, OSError, struct.error)
_HEADER, _HEADER_MARK = struct.Struct("<26xHH"), b"PK\3\4"
_ENCRYPTED = 0x1 | 0x40
_ANY_RATIO_BYTES = 1024**2
_LARGEST_ENTRY = 1024
_LARGEST_TAIL = 128 * 1024
_LONGEST_NAME = 60
