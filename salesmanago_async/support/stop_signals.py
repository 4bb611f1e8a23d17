"""Signals that end a program, also where event loops have no signal handlers, as on Windows."""

import signal
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

import anyio

STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))
"""Ctrl-C, the signal of service managers, and Ctrl-Break where there is one."""

SECONDS_BETWEEN_LOOKS = 0.2
"""Seconds between two checks for a signal that the event loop does not deliver."""


@contextmanager
def receiving_signals(*signals: signal.Signals) -> Iterator[AsyncIterator[signal.Signals]]:
    """Receive these signals during the block, in place of Python's own handlers. For the main thread."""
    with ExitStack() as stack:
        try:
            received = stack.enter_context(anyio.open_signal_receiver(*signals))
        except NotImplementedError:
            received = stack.enter_context(_Received(signals))
        yield received


class _Received(AsyncIterator[signal.Signals]):
    """The signals that Python's own handlers have received; looked for now and then, because nothing wakes the loop."""

    def __init__(self, signals: tuple[signal.Signals, ...]) -> None:
        self._signals = signals
        self._heard: deque[signal.Signals] = deque()

    def __enter__(self) -> Self:
        self._before = {one: signal.signal(one, self._hear) for one in self._signals}
        return self

    def __exit__(self, *_: object) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def _hear(self, number: int, _: object) -> None:
        self._heard.append(signal.Signals(number))

    async def __anext__(self) -> signal.Signals:
        while not self._heard:  # noqa: ASYNC110 - a handler of a signal can set no event
            await anyio.sleep(SECONDS_BETWEEN_LOOKS)
        return self._heard.popleft()
