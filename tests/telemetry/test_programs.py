"""Programs without OpenTelemetry, with its global providers, with an OTLP collector, and with Prometheus."""

import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from attrs import define, field

from salesmanago_async import telemetry
from tests.integrations.apps import free_port

pytestmark = pytest.mark.ci

WORK = """
import anyio, httpx
from salesmanago_async import Contact, SalesManago
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator

async def main():
    app = httpx.ASGITransport(app=Simulator(job_seconds=0))
    async with SalesManago(DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=app, poll_interval=0.01) as sm:
        report = await sm.contacts.upsert_many([Contact(email="ann.kowalska@example.com")])
    assert report.accepted == 1, report

anyio.run(main)
"""


def output_of(program: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_of_it_is_imported_by_the_library() -> None:
    program = f"{WORK}\nimport sys\nprint([name for name in sys.modules if name.startswith('opentelemetry')])"
    assert output_of(program) == "[]\n"


def test_it_need_not_be_installed() -> None:
    output_of(f"import sys\nsys.modules['opentelemetry'] = None\n{WORK}")


def test_a_program_with_the_api_alone_works() -> None:
    output_of(f"import opentelemetry.trace, opentelemetry.metrics\n{WORK}")


def test_global_providers_need_no_switch() -> None:
    program = f"""
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
{WORK}
print(sorted({{span.name for span in exporter.get_finished_spans()}}))
"""
    assert output_of(program) == "['GET', 'POST', 'salesmanago.chunk', 'salesmanago.job', 'salesmanago.run']\n"


@define
class Collector:
    """An OTLP collector: it keeps the bodies that were posted to it, by path."""

    url: str
    posted: dict[str, list[bytes]] = field(factory=dict)


@pytest.fixture
def collector() -> Iterator[Collector]:
    kept: dict[str, list[bytes]] = {}

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.setdefault(self.path, []).append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Keep) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Collector(f"http://127.0.0.1:{server.server_port}", kept)
        server.shutdown()
        thread.join()


def test_an_otlp_collector_gets_spans_and_metrics(collector: Collector) -> None:
    trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    metrics_service = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
    output_of(f"""
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

tracers = TracerProvider()
tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter("{collector.url}/v1/traces")))
trace.set_tracer_provider(tracers)
meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter("{collector.url}/v1/metrics"))])
metrics.set_meter_provider(meters)
{WORK}
tracers.shutdown()
meters.shutdown()
""")
    traces = trace_service.ExportTraceServiceRequest()
    for body in collector.posted["/v1/traces"]:
        traces.MergeFromString(body)
    spans = [span for one in traces.resource_spans for scope in one.scope_spans for span in scope.spans]
    assert {span.name for span in spans} >= {"salesmanago.run", "salesmanago.chunk", "salesmanago.job", "POST"}
    assert len({span.trace_id for span in spans}) == 1
    found = metrics_service.ExportMetricsServiceRequest()
    for body in collector.posted["/v1/metrics"]:
        found.MergeFromString(body)
    names = {metric.name for one in found.resource_metrics for scope in one.scope_metrics for metric in scope.metrics}
    assert names >= {"salesmanago.records", "salesmanago.job.duration", "http.client.request.duration"}
    sent = b"".join(body for bodies in collector.posted.values() for body in bodies)
    assert [one for one in (b"kowalska", b"example.com", b"apiKey", b"apiSecret") if one in sent] == []


def test_the_recipe_for_prometheus_works() -> None:
    pytest.importorskip("opentelemetry.exporter.prometheus")
    port = free_port()
    recipe = textwrap.dedent((telemetry.__doc__ or "").partition("before the client is made:\n\n")[2])
    assert "start_http_server(9464)" in recipe
    scrape = f"import urllib.request\nprint(urllib.request.urlopen('http://127.0.0.1:{port}/metrics').read().decode())"
    page = output_of(f"{recipe.replace('9464', str(port))}\n{WORK}\n{scrape}")
    assert re.search(r'^salesmanago_records_total\{.*salesmanago_state="accepted".*\} 1\.0$', page, re.MULTILINE)
    assert "http_client_request_duration_seconds_bucket" in page
    assert "kowalska" not in page
