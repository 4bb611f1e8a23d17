"""`tell(event)` and `during(operation)`: all that the other rooms call to be heard."""

import logging
import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar, get_args

from .events import Event, Logger
from .gauges import WatchedBuffer, WatchedPace, buffers, paces
from .operations import Operation

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from .otel import Instruments

OperationT = TypeVar("OperationT", bound=Operation)

_LOGGERS = {name: logging.getLogger(f"salesmanago_async.{name}") for name in get_args(Logger)}


class _Listening:
    """The instruments of OpenTelemetry, once there are any."""

    instruments: "Instruments | None" = None
    is_off = False


def tell(event: Event, level: int | None = None) -> None:
    """Log an event, at its own level if none is given, and count it if the program uses OpenTelemetry."""
    logger, level = _LOGGERS[event.logger], event.severity() if level is None else level
    if logger.isEnabledFor(level):
        facts = event.facts()
        logger.log(level, event.words(), facts, extra=facts, stacklevel=2)
    if instruments := _instruments():
        instruments.hear(event)


class During(Generic[OperationT]):
    """The block of an operation, for `with` and `async with`; it begins and ends in the same task."""

    __slots__ = ("_operation", "_span")

    def __init__(self, operation: OperationT) -> None:
        self._operation = operation
        self._span: AbstractContextManager[None] | None = None

    def __enter__(self) -> OperationT:
        if instruments := _instruments():
            self._span = instruments.span(self._operation)
            self._span.__enter__()
        return self._operation

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._span:
            self._span.__exit__(kind, error, traceback)

    async def __aenter__(self) -> OperationT:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)


def during(operation: OperationT) -> During[OperationT]:
    """Make a block a span, if the program uses OpenTelemetry; the block may set what it learns in the operation."""
    return During(operation)


def watch_pace(pace: WatchedPace, server: str) -> None:
    """Have the gauges show the requests of a client, as long as it exists."""
    paces[pace] = server


def watch_buffer(buffer: WatchedBuffer, kind: str) -> None:
    """Have the gauges show a buffer, as long as it exists."""
    buffers[buffer] = kind


def use_providers(
    *, tracer_provider: "TracerProvider | None" = None, meter_provider: "MeterProvider | None" = None
) -> None:
    """Send spans and metrics to these providers of OpenTelemetry; for one that is None, to the global provider."""
    from .otel import Instruments

    _Listening.instruments = Instruments(tracer_provider, meter_provider)
    _Listening.is_off = False


def switch_off() -> None:
    """Make no spans and no metrics, although the program uses OpenTelemetry."""
    _Listening.instruments = None
    _Listening.is_off = True


def _instruments() -> "Instruments | None":
    """Return the instruments; there are none unless the program itself has imported OpenTelemetry."""
    if _Listening.instruments is None and not _Listening.is_off and _is_used():
        from .otel import Instruments

        _Listening.instruments = Instruments()
    return _Listening.instruments


def _is_used() -> bool:
    return "opentelemetry.trace" in sys.modules or "opentelemetry.metrics" in sys.modules
