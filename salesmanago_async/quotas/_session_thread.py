"""The session of a keeper, and the thread in which it talks to the database: the event loop never waits for it."""

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from attrs import define

from ._postgresql import Session

ReturnT = TypeVar("ReturnT")


@define(eq=False)
class SessionThread:
    """At most one session with the database. Only one call of it may run at a time."""

    _open: Callable[[], Session]
    _session: Session | None = None
    _attempt: object = None
    _limiter: anyio.CapacityLimiter | None = None
    _is_busy: bool = False

    @property
    def is_open(self) -> bool:
        """Whether there is a session."""
        return self._session is not None

    async def open(self) -> None:
        """Open a session, if there is none."""
        if self._session:
            return
        attempt = self._attempt = object()

        def work() -> Session:
            session = self._open()
            if self._attempt is not attempt:  # it took so long that nobody waits for it any more
                session.close()
            return session

        self._session = await self._in_thread(work)

    async def run(self, act: Callable[[Session], ReturnT]) -> ReturnT:
        """Do something with the session, which is open."""
        session = self._session
        assert session
        return await self._in_thread(lambda: act(session))

    def lose(self) -> None:
        """Go on without a session; one that is being opened will be closed."""
        self.abort()
        self._session = self._attempt = None

    def abort(self) -> None:
        """End the session at once; others wait for `settle` seconds before they use its slots."""
        if self._session and self._is_busy:
            self._session.abort()  # the thread gets an error, and closes it
        elif self._session:
            self._session.close()

    async def _in_thread(self, act: Callable[[], ReturnT]) -> ReturnT:
        def work() -> ReturnT:
            try:
                return act()
            finally:
                self._is_busy = False

        if self._limiter is None:  # a separate limit: the host program's threads may all be busy
            self._limiter = anyio.CapacityLimiter(1)
        self._is_busy = True
        return await anyio.to_thread.run_sync(work, limiter=self._limiter, abandon_on_cancel=True)
