"""Spans: a run with its chunks, tries and jobs is one trace, and no span shows anything personal."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from salesmanago_async import Contact, NoAnswer, Retries, SalesManago, SalesManagoError, Tag, telemetry
from salesmanago_async.simulator import DEMO_OWNER, Fault, Simulator
from tests.conftest import MakeClient, wall_clock
from tests.exports.hosts import NO_LINKS, Hosts, read, response
from tests.telemetry.conftest import Observed

pytestmark = pytest.mark.anyio

ANN = Contact(email="ann.kowalska@example.com", name="Kowalska", tags=["VIP"])
HOST = "app2.salesmanago.com"


def id_of(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context
    return context.span_id


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def about(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


@pytest.mark.both_loops
async def test_a_run_is_one_trace(make_client: MakeClient, observed: Observed) -> None:
    simulator = Simulator(faults=[Fault("503", path="contact/batchupsertv2", at=1)], clock=wall_clock)
    async with make_client(simulator) as sm:
        await sm.contacts.upsert_many([Contact(email=f"c{n}@example.com") for n in range(20)], batch_size=10)
    (run,) = observed.named("salesmanago.run")
    chunks, jobs = observed.named("salesmanago.chunk"), observed.named("salesmanago.job")
    assert about(run) == {
        "salesmanago.kind": "contacts",
        **{f"salesmanago.{name}": 0 for name in ("submitted", "rejected", "in_doubt", "not_sent")},
        "salesmanago.read": 20,
        "salesmanago.accepted": 20,
        "salesmanago.requests": about(run)["salesmanago.requests"],
        "salesmanago.retries": 1,
    }
    assert len(chunks) == len(jobs) == 2
    assert {parent_of(span) for span in (*chunks, *jobs)} == {id_of(run)}
    assert [about(chunk)["salesmanago.records"] for chunk in chunks] == [10, 10]
    tries = [span for span in observed.named("POST") if parent_of(span) in {id_of(chunk) for chunk in chunks}]
    assert sorted(about(span)["http.response.status_code"] for span in tries) == [200, 200, 503]
    assert {about(span)["url.full"] for span in tries} == {f"https://{HOST}/api/contact/batchupsertv2"}
    (retried,) = [chunk for chunk in chunks if chunk.events]
    assert retried.events[0].name == "salesmanago.retry"
    polls = [span for span in observed.named("POST") if str(about(span)["url.full"]).endswith("/job/status")]
    assert polls
    assert {parent_of(span) for span in polls} == {id_of(run)}
    assert len({span.context.trace_id for span in observed.spans if span.context}) == 1


async def test_a_job_lasts_from_its_request_to_its_result(make_client: MakeClient, observed: Observed) -> None:
    async with make_client(Simulator(job_seconds=30.0, clock=wall_clock)) as sm:
        await sm.contacts.upsert_many([ANN])
    (job,) = observed.named("salesmanago.job")
    assert about(job)["salesmanago.job_state"] == "done"
    assert job.start_time
    assert job.end_time
    assert 30 <= (job.end_time - job.start_time) / 1e9 < 130


async def test_each_try_follows_the_conventions_for_http_clients(
    sm: SalesManago, make_client: MakeClient, simulator: Simulator, observed: Observed
) -> None:
    async with make_client(Simulator(faults=[Fault("429", path="contact/hasContact", at=1)])) as client:
        await client.contacts.has("ann.kowalska@example.com")
    first, second = observed.named("POST")
    shared = {
        "http.request.method": "POST",
        "server.address": HOST,
        "server.port": 443,
        "url.scheme": "https",
        "url.full": f"https://{HOST}/api/contact/hasContact",
    }
    assert first.kind is SpanKind.CLIENT
    assert about(first) == {**shared, "http.response.status_code": 429, "error.type": "429"}
    assert first.status.status_code is StatusCode.ERROR
    assert about(second) == {**shared, "http.response.status_code": 200, "http.request.resend_count": 1}
    assert second.status.status_code is StatusCode.UNSET


async def test_a_request_without_an_answer_names_the_error_of_the_network(
    make_client: MakeClient, observed: Observed
) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("ann.kowalska@example.com", request=request)

    async with make_client(None, transport=httpx.MockTransport(fail), retries=Retries(tries=1)) as sm:
        with pytest.raises(NoAnswer):
            await sm.contacts.has("ann.kowalska@example.com")
    (span,) = observed.spans
    assert about(span)["error.type"] == "ReadTimeout"
    assert "http.response.status_code" not in about(span)
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())


@pytest.mark.both_loops
async def test_an_export_shows_the_hosts_of_its_links_only(
    make_client: MakeClient, simulator: Simulator, observed: Observed, tmp_path: Path
) -> None:
    async with make_client(simulator) as sm:
        await sm.contacts.upsert(ANN)
        job = await sm.contacts.export(to=[Tag("VIP")])
        await job.save(tmp_path / "contacts.jsonl")
        async with job.records() as records:
            assert [1 async for _ in records] == [1]
    exports = observed.named("salesmanago.export")
    downloads = observed.named("GET")
    assert [about(export)["salesmanago.job_id"] for export in exports] == [job.request_id] * 2
    assert {parent_of(span) for span in downloads} == {id_of(export) for export in exports}
    assert {str(about(span)["url.full"]).rpartition("/")[2] for span in downloads} == {"REDACTED"}
    assert len(observed.named("salesmanago.job")) == 1  # the second export fetched a fresh link of an ended job


@pytest.mark.both_loops
async def test_a_buffer_flushes_in_traces_of_their_own(
    make_client: MakeClient, simulator: Simulator, observed: Observed
) -> None:
    tracer = observed.tracer_provider.get_tracer("the program")
    async with make_client(simulator) as sm:
        with tracer.start_as_current_span("start of the app"):
            buffer = sm.contacts.buffer()
            await buffer.__aenter__()
        await buffer.confirm(ANN)
        await buffer.aclose()
    (flush,) = observed.named("salesmanago.flush")
    assert flush.parent is None
    assert about(flush) == {"salesmanago.records": 1, "salesmanago.attempt": 1}
    assert observed.named("salesmanago.run") == observed.named("salesmanago.chunk") == []


async def test_spans_are_children_of_the_programs_span(
    make_client: MakeClient, simulator: Simulator, observed: Observed
) -> None:
    async with make_client(simulator) as sm:
        with observed.tracer_provider.get_tracer("the program").start_as_current_span("nightly") as nightly:
            await sm.contacts.upsert_many([ANN])
            async with sm.contacts.upserting([ANN]) as outcomes:
                assert [outcome.state async for outcome in outcomes] == ["accepted"]
    runs = observed.named("salesmanago.run")
    assert [parent_of(run) for run in runs] == [nightly.get_span_context().span_id] * 2


async def test_a_run_that_stops_early_is_an_error_without_texts_of_the_server(
    make_client: MakeClient, observed: Observed
) -> None:
    secret = "Kowalska is not allowed"
    answer = httpx.MockTransport(lambda _: httpx.Response(401, json={"success": False, "message": [secret]}))
    async with make_client(None, transport=answer) as sm:
        with pytest.raises(Exception, match="Kowalska"):
            await sm.contacts.upsert_many([ANN])
    (run,) = observed.named("salesmanago.run")
    assert run.status.status_code is StatusCode.ERROR
    assert about(run)["error.type"] == "NotAuthenticated"
    shown = "\n".join(span.to_json() for span in observed.spans)
    assert [one for one in ("owalska", "example.com", DEMO_OWNER, "apiKey") if one in shown] == []


async def test_it_can_be_switched_off(make_client: MakeClient, simulator: Simulator, observed: Observed) -> None:
    telemetry.switch_off()
    async with make_client(simulator) as sm:
        await sm.contacts.upsert_many([ANN])
    assert observed.spans == []


@pytest.mark.parametrize("link", NO_LINKS)
async def test_a_link_that_is_not_a_url_fails_as_without_spans(
    make_client: MakeClient, observed: Observed, link: str
) -> None:
    async with make_client(None, transport=Hosts([response(200, b"[]")], link=link)) as sm:
        with pytest.raises(SalesManagoError):
            await read(sm)
    (export,) = observed.named("salesmanago.export")
    assert export.status.status_code is StatusCode.ERROR
