"""Writing without blocking the event loop: a store works in its own thread, one commit at a time.

Changes that arrive during a commit share the next one. A task that belongs to no caller commits them, because the
caller of a write may be cancelled in the middle of it.

A store belongs to the process that opened it. A child that was forked from it neither reads, writes nor closes it: it
would do so beside the parent, whose locks do not hold it up, or in the middle of a message to the parent's database.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar

import anyio
import anyio.to_thread
from attrs import define, field

from ..errors import JournalFailed
from ..support.own_process import OwnProcess
from ..support.spawn import spawn

ChangeT = TypeVar("ChangeT")
ChangeT_contra = TypeVar("ChangeT_contra", contravariant=True)
ReturnT = TypeVar("ReturnT")


FORKED = "was opened before this process was forked, and belongs to the parent: open it here, with a client made here"


class StoreLost(Exception):
    """The store is no longer this program's alone: another process may have taken it over."""


class Store(Protocol[ChangeT_contra]):
    """An open database, used by one thread at a time. It raises one of its `failures` if it cannot read or write."""

    @property
    def name(self) -> str:
        """The name of the database in messages. It never shows a password."""
        ...

    @property
    def failures(self) -> type[Exception] | tuple[type[Exception], ...]:
        """The exceptions that it raises if the database fails."""
        ...

    @property
    def confirms_at_once(self) -> bool:
        """Whether `confirm` takes microseconds, so that it needs no thread and may run beside a commit."""
        ...

    def commit(self, changes: Sequence[ChangeT_contra]) -> None:
        """Write the changes durably, all or none of them."""
        ...

    def confirm(self) -> None:
        """Raise `StoreLost`, or another of the `failures`, unless this program still has the store for itself."""
        ...

    def close(self) -> None:
        """Close the database; what was committed is kept."""
        ...


StoreT = TypeVar("StoreT", bound=Store[Any])


@define
class _Write(Generic[ChangeT]):
    changes: Sequence[ChangeT]
    done: anyio.Event = field(factory=anyio.Event)
    error: Exception | None = None


class GroupCommit(Generic[StoreT, ChangeT]):
    """A store that is used from the event loop."""

    def __init__(self, store: StoreT) -> None:
        self._store = store
        self._process = OwnProcess()
        self._writes: list[_Write[ChangeT]] = []
        self._is_writing = False
        self._turn = anyio.Lock()
        self._thread = anyio.CapacityLimiter(1)  # a separate limit: the host program's threads may all be busy

    async def read(self, act: Callable[[StoreT], ReturnT]) -> ReturnT:
        """Return what `act` reads from the store; raise `JournalFailed` if the store fails."""
        self._check_process()
        async with self._turn:
            try:
                return await self._in_thread(lambda: act(self._store))
            except self._store.failures as error:
                raise JournalFailed(f"{self._store.name} cannot be read: {error}") from error

    async def confirm(self) -> None:
        """Raise `JournalFailed` unless this program still has the store for itself."""
        self._check_process()
        try:
            if self._store.confirms_at_once:
                self._store.confirm()
                return
            async with self._turn:
                await self._in_thread(self._store.confirm)
        except self._store.failures as error:
            raise JournalFailed(f"{self._store.name} cannot be used any longer: {error}") from error

    async def write(self, *changes: ChangeT) -> None:
        """Write the changes durably, all or none of them; raise `JournalFailed` if the store fails.

        They are written even if the caller is cancelled meanwhile.
        """
        self._check_process()
        mine = _Write(changes)
        self._writes.append(mine)
        if not self._is_writing:
            self._is_writing = True
            spawn(self._write_all)
        with anyio.CancelScope(shield=True):  # if only anyio cancels, the caller still learns what was written
            await mine.done.wait()
        if mine.error:
            raise JournalFailed(f"{self._store.name} cannot be written: {mine.error}") from mine.error

    async def _write_all(self) -> None:
        """Commit until no change is left; between two commits, reads and confirmations get their turns."""
        while self._writes:
            async with self._turn:
                await self._commit_what_waits()
        self._is_writing = False

    async def _commit_what_waits(self) -> None:
        writes, self._writes = self._writes, []
        if not writes:  # `aclose` has committed them
            return
        error: Exception | None = RuntimeError("the program is ending")
        try:
            changes = list(chain.from_iterable(write.changes for write in writes))
            await self._in_thread(lambda: self._store.commit(changes))
            error = None
        except Exception as raised:
            error = raised
        finally:
            for write in writes:
                write.error = error
                write.done.set()

    async def aclose(self) -> None:
        """Close the store; what was written is kept in any case."""
        if not self._process.is_here:
            return
        with anyio.CancelScope(shield=True):
            async with self._turn:
                await self._commit_what_waits()
                await self._in_thread(self._store.close)

    def _check_process(self) -> None:
        if not self._process.is_here:
            raise JournalFailed(f"{self._store.name} {FORKED}")

    async def _in_thread(self, act: Callable[[], ReturnT]) -> ReturnT:
        return await anyio.to_thread.run_sync(act, limiter=self._thread)
