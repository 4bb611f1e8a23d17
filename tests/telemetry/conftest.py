"""OpenTelemetry as a program has it, with exporters that keep everything in memory."""

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import define
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from salesmanago_async import telemetry


@define
class Observed:
    """What was exported."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader
    tracer_provider: TracerProvider

    @property
    def spans(self) -> list[ReadableSpan]:
        """All spans that have ended, in the order of their end."""
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        """The spans with a name."""
        return [span for span in self.spans if span.name == name]

    def metrics(self) -> dict[str, list[Any]]:
        """The data points of all metrics, by name."""
        data = self.reader.get_metrics_data()
        return {
            metric.name: list(metric.data.data_points)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def values(self, name: str, *attributes: str) -> dict[Any, Any]:
        """The values of a metric (or its sums), by the values of these attributes."""
        points = self.metrics().get(name, [])
        return {
            tuple(point.attributes.get(one) for one in attributes): getattr(point, "value", getattr(point, "sum", None))
            for point in points
        }


@pytest.fixture
def observed() -> Iterator[Observed]:
    """Send the spans and metrics of the library to memory."""
    exporter, reader, tracers = InMemorySpanExporter(), InMemoryMetricReader(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    meters = MeterProvider([reader])
    telemetry.use_providers(tracer_provider=tracers, meter_provider=meters)
    yield Observed(exporter, reader, tracers)
    telemetry.switch_off()
    tracers.shutdown()
    meters.shutdown()
