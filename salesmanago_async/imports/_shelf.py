"""Where records wait for their outcome: a file without a name, so that memory does not grow with what is waited for.

The file is gone when it is closed, or the process ends in whatever way. Space that is taken back is used again, so the
file grows with the records that wait, not with the input. What pickle does not take (a database row, say) stays in
memory.
"""

import pickle
from tempfile import TemporaryFile
from typing import Any

from attrs import frozen


@frozen
class Ticket:
    """Where something lies: in the file, or here."""

    offset: int = 0
    length: int = 0
    room: int = 0
    content: Any = None


class Shelf:
    """Takes things, and gives each back once for its ticket."""

    def __init__(self) -> None:
        self._file = TemporaryFile("w+b")  # noqa: SIM115 - closed by close()
        self._end = 0
        self._gaps: list[tuple[int, int]] = []

    def put(self, content: Any) -> Ticket:
        """Lay something down."""
        try:
            pickled = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError, ValueError):
            return Ticket(content=content)
        offset, room = self._place(len(pickled))
        try:
            self._file.seek(offset)
            self._file.write(pickled)
            self._file.flush()
        except OSError:  # the disk is full
            return Ticket(content=content)
        return Ticket(offset, len(pickled), room)

    def take(self, ticket: Ticket) -> Any:
        """Take it back."""
        if not ticket.length:
            return ticket.content
        self._gaps.append((ticket.offset, ticket.room))
        self._file.seek(ticket.offset)
        return pickle.loads(self._file.read(ticket.length))  # noqa: S301 - what this process wrote itself

    def close(self) -> None:
        """Let go of everything that was not taken back."""
        self._file.close()

    def _place(self, length: int) -> tuple[int, int]:
        for index, (offset, room) in enumerate(self._gaps):
            if length <= room:
                del self._gaps[index]
                return offset, room
        self._end += length
        return self._end - length, length
