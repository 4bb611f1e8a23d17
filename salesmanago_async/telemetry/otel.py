"""Spans and metrics: the only module that knows OpenTelemetry. It is imported when the program uses OpenTelemetry.

Errors are shown as the name of their class, or as a status: their texts may be of the server. Spans follow the semantic
conventions for HTTP clients: one span for each try, named for its method.
"""

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, urlsplit

from attrs import asdict
from opentelemetry import context, metrics, trace
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider

from .._version import __version__
from .connection_events import Outage, Pause, Retry
from .events import Event
from .gauges import buffers_merged, paces_sum
from .job_events import JobEnded
from .operations import ChunkOperation, Operation, RequestOperation, RunOperation
from .run_events import COUNTED, RecordsSettled, RunEnded

SCOPE = "salesmanago_async"
_OF_BUFFER = context.create_key("salesmanago_async.of_buffer")
"""Set in the context of a buffer's run: its chunks are flushes."""

HTTP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The bounds that the semantic conventions advise."""
LONG_SECONDS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


class Instruments:
    """The spans and metrics of the library, made with these providers, or with the global ones."""

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        self._tracer = trace.get_tracer(SCOPE, __version__, tracer_provider)
        meter = metrics.get_meter(SCOPE, __version__, meter_provider)
        self._records = meter.create_counter("salesmanago.records", "{record}", "Records by their outcome.")
        self._retries = meter.create_counter("salesmanago.retries", "{retry}", "Requests that are sent again.")
        self._waits = meter.create_histogram(
            "salesmanago.wait.duration",
            "s",
            "What requests wait for: a retry, a pause, an outage.",
            explicit_bucket_boundaries_advisory=LONG_SECONDS,
        )
        self._jobs = meter.create_histogram(
            "salesmanago.job.duration",
            "s",
            "How long server jobs take.",
            explicit_bucket_boundaries_advisory=LONG_SECONDS,
        )
        self._requests = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=HTTP_SECONDS,
        )
        for name, unit, description, attribute, measure in _GAUGES:
            meter.create_observable_gauge(name, [_observing(measure, attribute)], unit, description)

    def hear(self, event: Event) -> None:
        """Count an event, and note it in the span to which it belongs."""
        match event:
            case RecordsSettled():
                about = {"salesmanago.kind": event.kind, "salesmanago.state": event.state}
                self._records.add(event.records, about)
            case Retry():
                self._retries.add(1, {"salesmanago.path": event.path, "error.type": event.failure})
                self._note_wait(event, "retry", event.wait_seconds)
            case Pause():
                self._note_wait(event, "pause", event.wait_seconds)
            case Outage():
                self._note_wait(event, "outage", event.wait_seconds)
            case JobEnded():
                self._jobs.record(event.seconds, {"salesmanago.job_state": event.job_state})
                self._make_span_of_job(event)
            case RunEnded():
                trace.get_current_span().set_attributes(
                    {f"salesmanago.{name}": getattr(event, name) for name in COUNTED}
                )
            case _:
                pass

    def _note_wait(self, event: Event, reason: str, seconds: float) -> None:
        self._waits.record(seconds, {"salesmanago.reason": reason})
        trace.get_current_span().add_event(f"salesmanago.{reason}", _renamed(event.facts()))

    def _make_span_of_job(self, event: JobEnded) -> None:
        """Make the span of a job that is over: it was followed by several tasks, one poll at a time."""
        ended = time.time_ns()
        about = {"salesmanago.job_id": event.job_id, "salesmanago.job_state": event.job_state}
        began = ended - int(event.seconds * 1e9)
        span = self._tracer.start_span("salesmanago.job", attributes=about, start_time=began)
        if event.job_state != "done":
            span.set_status(StatusCode.ERROR)
        span.end(ended)

    @contextmanager
    def span(self, operation: Operation) -> Generator[None]:
        """Make the block a span that is the parent of those inside it."""
        if isinstance(operation, RunOperation) and operation.is_of_buffer:
            with _attached(context.set_value(_OF_BUFFER, True, Context())):  # a root: it outlives what opened it
                yield
            return
        began = time.perf_counter()
        error: BaseException | None = None
        span = self._start(operation)
        try:
            with _attached(trace.set_span_in_context(span)):
                yield
        except BaseException as raised:
            error = raised
            raise
        finally:
            failure = _failure(operation, error)
            if failure:
                span.set_attribute("error.type", failure)
                span.set_status(StatusCode.ERROR)
            if isinstance(operation, RequestOperation):
                self._end_request(operation, span, failure, time.perf_counter() - began)
            span.end()

    def _start(self, operation: Operation) -> Span:
        if isinstance(operation, RequestOperation):
            about = {**_http_attributes(operation), "url.full": operation.url}
            if operation.resend_count:
                about["http.request.resend_count"] = operation.resend_count
            return self._tracer.start_span(operation.method, kind=SpanKind.CLIENT, attributes=about)
        is_flush = isinstance(operation, ChunkOperation) and context.get_value(_OF_BUFFER)
        about = {f"salesmanago.{name}": value for name, value in asdict(operation).items() if name != "is_of_buffer"}
        return self._tracer.start_span("salesmanago.flush" if is_flush else operation.name, attributes=about)

    def _end_request(self, operation: RequestOperation, span: Span, failure: str | None, seconds: float) -> None:
        about = _http_attributes(operation)
        if operation.status is not None:
            about["http.response.status_code"] = operation.status
            span.set_attribute("http.response.status_code", operation.status)
        self._requests.record(seconds, {**about, "error.type": failure} if failure else about)


@contextmanager
def _attached(to: Context) -> Generator[None]:
    token = context.attach(to)
    try:
        yield
    finally:
        context.detach(token)


def _failure(operation: Operation, error: BaseException | None) -> str | None:
    """Return the type of an error: a status of 400 or more, or the name of the class of an exception."""
    if isinstance(operation, RequestOperation):
        if (operation.status or 0) >= 400:
            return str(operation.status)
        error = error.__cause__ or error if error else None  # of the network's own error, such as ReadTimeout
    return type(error).__qualname__ if error else None


def _http_attributes(operation: RequestOperation) -> dict[str, Any]:
    """Return the attributes that spans and metrics of HTTP share."""
    url = urlsplit(operation.url)
    found = {
        "http.request.method": operation.method,
        "server.address": url.hostname or "",
        "server.port": _port_of(url),
        "url.scheme": url.scheme,
    }
    return {name: value for name, value in found.items() if value is not None}


def _port_of(url: SplitResult) -> int | None:
    """Return the port of an address; None if it has none that is a number, as a bad link of a server may."""
    try:
        return url.port or {"https": 443, "http": 80}.get(url.scheme)
    except ValueError:
        return None


def _renamed(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("sm_", "salesmanago.", 1): value for name, value in facts.items()}


def _observing(
    measure: Callable[[], Mapping[str, Any]], attribute: str
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(value, {attribute: of}) for of, value in measure().items()]

    return observe


_SERVER, _KIND = "server.address", "salesmanago.kind"
_GAUGES: tuple[tuple[str, str, str, str, Callable[[], Mapping[str, Any]]], ...] = (
    (
        "salesmanago.requests.in_flight",
        "{request}",
        "Requests that wait for an answer.",
        _SERVER,
        lambda: paces_sum(lambda pace: pace.in_flight),
    ),
    (
        "salesmanago.requests.waiting",
        "{request}",
        "Requests that wait for their turn.",
        _SERVER,
        lambda: paces_sum(lambda pace: pace.waiting),
    ),
    (
        "salesmanago.requests.limit",
        "{request}",
        "The most requests in flight now.",
        _SERVER,
        lambda: paces_sum(lambda pace: pace.limit),
    ),
    (
        "salesmanago.buffer.records",
        "{record}",
        "Records in buffers.",
        _KIND,
        lambda: buffers_merged(len, sum),
    ),
    (
        "salesmanago.buffer.lag",
        "s",
        "The age of the oldest record in a buffer.",
        _KIND,
        lambda: buffers_merged(lambda buffer: buffer.lag, max),
    ),
)
