"""The names in a source that are not its keys: a contact whose key is gone may still be there under one of them.

    {"externalId": "E1", "email": "ann@example.com"}      last night
    {"externalId": "F1", "email": "ann@example.com"}      tonight: E1 is gone, Ann is not

Their digests are in a temporary file, 8 bytes a name.
"""

from collections.abc import Iterable
from hashlib import blake2b
from tempfile import TemporaryFile

from ..records.names import canonical
from .known import REMOVED, WORD, Known
from .removal import unseen

_READ = 1 << 20


class OtherNames:
    """The names of the contacts of a source that are not its keys."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - closed by `close`

    def add(self, names: Iterable[str]) -> None:
        """Add canonical names."""
        for name in names:
            self._file.write(_digest(name))

    def spare(self, known: Known) -> int:
        """Mark the gone rows whose contacts are in the source under other keys, so that nothing is done to them.

        Return their number.
        """
        gone = [(index, _digest(canonical(known.name(index)))) for index in unseen(known)]
        there = self._those_in({digest for _, digest in gone})
        spared = [index for index, digest in gone if digest in there]
        for index in spared:
            known.marks[index] = REMOVED
        return len(spared)

    def _those_in(self, digests: set[bytes]) -> set[bytes]:
        found: set[bytes] = set()
        self._file.seek(0)
        while block := self._file.read(_READ):
            found.update(digests.intersection(block[at : at + WORD] for at in range(0, len(block), WORD)))
        return found

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


def _digest(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=WORD).digest()
