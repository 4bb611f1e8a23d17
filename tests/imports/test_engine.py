"""Runs: every record ends in exactly one state, whatever the server does. Scenarios under virtual time."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
import httpx
import orjson
import pytest
from attrs import define

from salesmanago_async import (
    Contact,
    ExternalEvent,
    Invalid,
    NoAnswer,
    NotAuthenticated,
    Outcome,
    Outcomes,
    Report,
    Retries,
    SalesManago,
    Tag,
)
from salesmanago_async.simulator import DEMO_PRODUCTS_KEY, ProductSettings, Simulator

pytestmark = [pytest.mark.anyio, pytest.mark.both_loops]

MakeClient = Callable[..., SalesManago]


def contacts(count: int, start: int = 0) -> Iterator[Contact]:
    return (Contact(email=f"c{index}@example.com", name=f"N{index}") for index in range(start, start + count))


def events(count: int) -> Iterator[ExternalEvent]:
    return (
        ExternalEvent(
            email=f"c{index}@example.com",
            date=1_700_000_000_000 + index,
            contact_ext_event_type="PURCHASE",
            external_id=f"E{index}",
        )
        for index in range(count)
    )


def counts(report: Report) -> dict[str, int]:
    states = ("accepted", "submitted", "rejected", "in_doubt", "not_sent")
    assert report.read == sum(getattr(report, state) for state in states)
    return {state: getattr(report, state) for state in states if getattr(report, state)}


REFUSAL = (200, b'{"success":false,"message":["no"]}')


class Gateway:
    """Stands in front of the simulator; `intercept` returns a status and a body, or None to pass the request on."""

    def __init__(self, simulator: Simulator, intercept: Callable[[str, int], tuple[int, bytes] | None]) -> None:
        self.simulator = simulator
        self.intercept = intercept
        self.seen: list[str] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.latency = 0.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix("/api/")
        self.seen.append(path)
        occurrence = self.seen.count(path)  # before it waits: others come meanwhile
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await anyio.sleep(self.latency)
            answer = self.intercept(path, occurrence)
            if answer is None:
                await self.simulator(scope, receive, send)
                return
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": answer[0], "headers": headers})
            await send({"type": "http.response.body", "body": answer[1]})
        finally:
            self.in_flight -= 1


@pytest.fixture
def gateway(simulator: Simulator) -> Gateway:
    return Gateway(simulator, lambda path, occurrence: None)


@pytest.fixture
async def client(gateway: Gateway, make_client: MakeClient) -> AsyncIterator[SalesManago]:
    async with make_client(gateway, concurrency=4) as sm:
        yield sm


@pytest.mark.sampled
async def test_all_are_accepted_once_their_jobs_are_done(sm: SalesManago) -> None:
    report = await sm.contacts.upsert_many(contacts(2500))
    assert counts(report) == {"accepted": 2500}
    assert (report.chunks, report.jobs, report.retries, report.read_all) == (3, 3, 0, True)
    assert report.seconds > 90  # the time of the jobs themselves
    assert (await sm.contacts.has("c2499@example.com")).result


@pytest.mark.ci
@pytest.mark.parametrize("concurrency", [2, 10])
async def test_the_report_tells_how_many_in_flight_the_server_takes(
    gateway: Gateway, make_client: MakeClient, concurrency: int
) -> None:
    gateway.latency = 0.2
    async with make_client(gateway, concurrency=concurrency) as sm:
        assert (await sm.events.add_many(events(1000), batch_size=5, dry_run=True)).concurrency == 0
        report = await sm.events.add_many(events(1000), batch_size=5)
    assert report.as_dict()["concurrency"] == report.concurrency == concurrency


async def test_a_job_is_polled_no_more_often_than_the_poll_interval(gateway: Gateway, make_client: MakeClient) -> None:
    async with make_client(gateway, poll_interval=60) as sm:
        await sm.contacts.upsert_many(contacts(10))
    assert gateway.seen.count("job/status") == 3  # at 3 and 63 s it runs, at 123 s it is done (after 90)


async def test_without_waiting_all_are_submitted(sm: SalesManago) -> None:
    report = await sm.contacts.upsert_many(contacts(1500), wait=False)
    assert counts(report) == {"submitted": 1500}
    assert report.requests == 2


async def test_bad_records_are_rejected_by_name_and_stop_nothing(sm: SalesManago) -> None:
    source: list[Any] = [*contacts(3), Contact(email="nobody"), {"email": "x@y.pl", "nmae": "X"}, 7, *contacts(3, 3)]
    report = await sm.contacts.upsert_many(source)
    assert counts(report) == {"accepted": 6, "rejected": 3}
    assert [(problem.position, problem.record) for problem in report.problems] == [
        (3, source[3]),
        (4, source[4]),
        (5, 7),
    ]
    assert [str(problem.reason).split(":")[0] for problem in report.problems] == [
        "email",
        "nmae",
        "is a int; give Contact values or mappings",
    ]
    assert "did you mean 'name'" in str(report.problems[1].reason)


async def test_what_the_result_file_calls_invalid_is_traced_to_the_callers_record(
    simulator: Simulator, make_client: MakeClient
) -> None:
    ghost = Contact(contact_id="no-such-id", name="G")  # passes our checks, is refused by the server's job
    async with make_client(simulator) as sm, sm.contacts.upserting([*contacts(2), ghost]) as outcomes:
        taken = [outcome async for outcome in outcomes]
    by_position = {outcome.position: outcome for outcome in taken}
    assert [by_position[index].state for index in range(3)] == ["accepted", "accepted", "rejected"]
    assert by_position[2].record == ghost
    assert by_position[0].contact_id
    assert by_position[0].request_id == 1


async def test_outcomes_come_once_each_with_the_record_as_given(sm: SalesManago) -> None:
    source = [{"email": f"c{index}@example.com"} for index in range(2300)]
    async with sm.contacts.upserting(source) as outcomes:
        taken = [outcome async for outcome in outcomes]
    assert sorted(outcome.position for outcome in taken) == list(range(2300))
    assert all(outcome.record == source[outcome.position] for outcome in taken)
    assert counts(outcomes.report) == {"accepted": 2300}


async def test_an_async_source_is_read_as_well(sm: SalesManago) -> None:
    async def source() -> AsyncIterator[Contact]:
        for contact in contacts(1200):
            await anyio.lowlevel.checkpoint()
            yield contact

    assert counts(await sm.contacts.upsert_many(source())) == {"accepted": 1200}


async def test_a_dry_run_sends_nothing(gateway: Gateway, client: SalesManago) -> None:
    report = await client.contacts.upsert_many([*contacts(1200), Contact(email="bad")], dry_run=True)
    assert counts(report) == {"not_sent": 1200, "rejected": 1}
    assert (report.chunks, report.requests, gateway.seen) == (2, 0, [])
    assert report.bytes > 1200 * len('{"contact":{"email":"c1@example.com"}}')


@pytest.mark.sampled
async def test_events_are_settled_by_their_answer(sm: SalesManago) -> None:
    await sm.contacts.upsert_many(contacts(1500))
    report = await sm.events.add_many(events(2000))
    assert counts(report) == {"accepted": 1500, "rejected": 500}
    (last,) = await sm.contacts.get(["c1499@example.com"])
    assert [event.external_id for event in last.contact_ext_events] == ["E1499"]


async def test_every_contact_gets_the_tags_of_the_run(sm: SalesManago) -> None:
    await sm.contacts.upsert_many([{"email": "a@x.pl", "tags": "OWN"}, Contact(email="b@x.pl")], tags=["RUN"])
    found = await sm.contacts.get(["a@x.pl", "b@x.pl"])
    assert [{tag.tag_name for tag in contact.contact_tags} for contact in found] == [{"OWN", "RUN"}, {"RUN"}]


@pytest.mark.sampled
async def test_no_more_requests_are_in_flight_than_the_cap(gateway: Gateway, client: SalesManago) -> None:
    gateway.latency = 1.0
    await client.contacts.upsert_many(contacts(3000), batch_size=100)
    assert gateway.most_in_flight == 4


async def test_a_slow_server_slows_the_reading(gateway: Gateway, client: SalesManago) -> None:
    gateway.latency = 10.0
    read = 0

    def source() -> Iterator[Contact]:
        nonlocal read
        for read, contact in enumerate(contacts(50_000)):  # noqa: B007
            yield contact

    with anyio.move_on_after(5):
        await client.contacts.upsert_many(source())
    # four in flight, two ahead, one being gathered, one block read
    assert read <= 8000


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("faults", "expected", "retries"),
    [
        pytest.param({1: (503, b"{}")}, {"accepted": 1000}, 1, id="an upsert is sent again after a 5xx"),
        pytest.param({1: (429, b"")}, {"accepted": 1000}, 1, id="and after a 429"),
        pytest.param({1: (200, b"<html>")}, {"accepted": 1000}, 1, id="and after HTML"),
        pytest.param(dict.fromkeys(range(1, 9), (500, b"")), {"accepted": 1000}, 8, id="as often as it takes"),
        pytest.param(dict.fromkeys(range(1, 99), REFUSAL), {"rejected": 1000}, 0, id="a refusal is not sent again"),
    ],
)
async def test_upserts_and_faults(
    gateway: Gateway, client: SalesManago, faults: dict[int, Any], expected: dict[str, int], retries: int
) -> None:
    gateway.intercept = lambda path, occurrence: faults.get(occurrence) if path == "contact/batchupsertv2" else None
    report = await client.contacts.upsert_many(contacts(1000))
    assert (counts(report), report.retries) == (expected, retries)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("fault", "expected", "sent"),
    [
        pytest.param(
            (503, b"{}"), {"accepted": 1000}, 2, id="after a 5xx, events that turn out to be missing are sent"
        ),
        pytest.param((200, b"<html>"), {"accepted": 1000}, 2, id="and after HTML"),
        pytest.param((429, b""), {"accepted": 1000}, 2, id="but after a 429, which says that nothing was done"),
    ],
)
async def test_events_and_faults(
    gateway: Gateway, client: SalesManago, fault: tuple[int, bytes], expected: dict[str, int], sent: int
) -> None:
    await client.contacts.upsert_many(contacts(1000))
    path = "contact/batchAddContactExtEvent"
    gateway.intercept = lambda asked, occurrence: fault if (asked, occurrence) == (path, 1) else None
    report = await client.events.add_many(events(1000))
    assert (counts(report), gateway.seen.count(path)) == (expected, sent)


async def test_wrong_credentials_are_raised_and_nothing_counts_as_sent(client: SalesManago, gateway: Gateway) -> None:
    gateway.intercept = lambda *_: (200, b'{"success":false,"message":["Not authenticated"]}')
    with pytest.raises(NotAuthenticated) as caught:
        await client.contacts.upsert_many(contacts(100_000))
    assert "not sent" in "".join(caught.value.__notes__)
    assert len(gateway.seen) <= 4


@pytest.mark.ci
async def test_a_server_that_goes_away_ends_the_run_with_a_true_report(gateway: Gateway, client: SalesManago) -> None:
    def intercept(path: str, occurrence: int) -> tuple[int, bytes] | None:
        return (502, b"gone") if path == "contact/batchupsertv2" and occurrence > 2 else None

    gateway.intercept = intercept
    report = await client.contacts.upsert_many(contacts(50_000))
    taken = counts(report)
    assert taken["accepted"] == 2000
    assert taken["in_doubt"] >= 3000
    assert taken["not_sent"] > 0
    assert report.read < 50_000
    assert "502" in str(report.stopped)


async def test_an_unreachable_server_is_raised(make_client: MakeClient) -> None:
    import httpx

    async with make_client(None, transport=httpx.AsyncHTTPTransport(), base_url="http://127.0.0.1:1") as sm:
        with pytest.raises(NoAnswer) as caught:
            await sm.contacts.upsert_many(contacts(10))
    assert caught.value.sent is False


@pytest.mark.parametrize(
    ("status", "file", "expected"),
    [
        ({"success": False, "message": ["failed to start"]}, None, {"rejected": 10}),
        ({"success": True, "message": ["Waiting in line"]}, None, {"submitted": 10}),
        (None, (200, b"<html>maintenance"), {"submitted": 10}),
        (None, (200, b'{"success":false,"message":["broken"]}'), {"rejected": 10}),
    ],
)
async def test_jobs_that_go_wrong(
    gateway: Gateway, client: SalesManago, status: Any, file: Any, expected: dict[str, int]
) -> None:
    def intercept(path: str, occurrence: int) -> tuple[int, bytes] | None:
        if path == "job/status" and status:
            return 200, orjson.dumps(status)
        return file if path.startswith("/files/") else None

    gateway.intercept = intercept
    outcomes = await _outcomes_until(7200, client.contacts.upserting(contacts(10)))
    assert counts(outcomes.report) == expected
    assert {outcome.request_id for outcome in outcomes.taken} == {1}


@define
class StoppedRun:
    """The report and the outcomes of a run that was stopped after a while."""

    report: Report
    taken: list[Outcome]


async def _outcomes_until(seconds: float, making: AbstractAsyncContextManager[Outcomes]) -> StoppedRun:
    taken: list[Outcome] = []
    async with making as outcomes, anyio.create_task_group() as tasks:

        async def stop() -> None:
            await anyio.sleep(seconds)
            outcomes.stop()

        tasks.start_soon(stop)
        async for outcome in outcomes:
            taken.append(outcome)  # noqa: PERF401 - kept as far as it goes
        tasks.cancel_scope.cancel()
    return StoppedRun(outcomes.report, taken)


async def test_a_row_that_comes_while_a_stop_ends_the_waiting_for_it_is_counted(
    gateway: Gateway, client: SalesManago
) -> None:
    first, late = contacts(2)

    async def source() -> AsyncIterator[Contact]:
        yield first
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            yield late
            raise

    run = await _outcomes_until(100.0, client.contacts.upserting(source()))
    assert counts(run.report) == {"submitted": 1, "not_sent": 1}
    assert [outcome.record for outcome in run.taken] == [first, late]


async def test_a_job_whose_link_is_dead_is_asked_for_a_fresh_one(gateway: Gateway, client: SalesManago) -> None:
    dead = iter([True])
    gateway.intercept = lambda path, _: (403, b"") if path.startswith("/files/") and next(dead, False) else None
    assert counts(await client.contacts.upsert_many(contacts(10))) == {"accepted": 10}


@pytest.mark.ci
async def test_stopping_finishes_what_is_in_flight_and_counts_the_rest(gateway: Gateway, client: SalesManago) -> None:
    gateway.latency = 1.0
    outcomes = await _outcomes_until(10.5, client.contacts.upserting(contacts(100_000)))
    report = outcomes.report
    assert len(outcomes.taken) == report.read < 100_000
    assert set(counts(report)) == {"submitted", "not_sent"}
    assert not report.read_all
    assert report.submitted == gateway.seen.count("contact/batchupsertv2") * 1000


async def test_what_the_source_raises_comes_after_what_was_read_is_settled(sm: SalesManago) -> None:
    def source() -> Iterator[Contact]:
        yield from contacts(1500)
        raise LookupError("the database went away")

    with pytest.raises(LookupError, match="went away") as caught:
        await sm.contacts.upsert_many(source())
    assert "1,500 accepted" in "".join(caught.value.__notes__)
    assert (await sm.contacts.has("c1499@example.com")).result


@pytest.mark.sampled
async def test_the_block_of_outcomes_raises_its_own_errors_as_they_are(sm: SalesManago) -> None:
    with pytest.raises(KeyError, match="mine"):
        await _break_off(sm)


async def _break_off(sm: SalesManago) -> None:
    async with sm.contacts.upserting(contacts(5000)) as outcomes:
        async for _ in outcomes:
            raise KeyError("mine")


@pytest.mark.sampled
async def test_progress_is_reported_from_the_first_chunk_to_the_end(sm: SalesManago) -> None:
    taken: list[Report] = []
    report = await sm.contacts.upsert_many(contacts(3000), on_progress=taken.append)
    assert taken[-1].accepted == report.accepted == 3000
    assert [one.read for one in taken] == sorted(one.read for one in taken)


@pytest.mark.ci
async def test_outstanding_jobs_are_capped(gateway: Gateway, client: SalesManago) -> None:
    most = 0

    def watch(report: Report) -> None:
        nonlocal most
        most = max(most, report.jobs * 100 - report.accepted)

    report = await client.contacts.upsert_many(contacts(2000), batch_size=100, outstanding=5, on_progress=watch)
    assert counts(report) == {"accepted": 2000}
    assert most <= (5 + 4) * 100  # five jobs that are followed, and what the four senders had already sent


async def test_an_export_brings_the_import_back(sm: SalesManago) -> None:
    await sm.contacts.upsert_many(
        ({"email": f"c{i}@example.com", "city": "Łódź"} for i in range(1200)), tags=["IMPORT"]
    )
    job = await sm.contacts.export(to=[Tag("IMPORT")], data=["CONTACT", "TAG"])
    async with job.records() as records:
        found = {record.contact_data.email: record.contact_data.city async for record in records if record.contact_data}
    assert found == {f"c{i}@example.com": "Łódź" for i in range(1200)}


async def test_the_waits_of_a_run_can_be_set_and_its_tries_end_with_its_patience(
    gateway: Gateway, make_client: MakeClient
) -> None:
    gateway.intercept = lambda *_: (500, b"")
    async with make_client(gateway, retries=Retries(tries=2, longest_wait=2.0)) as sm:
        report = await sm.contacts.upsert_many(contacts(1), patience=60)
    assert counts(report) == {"in_doubt": 1}
    assert len(gateway.seen) > 40
    assert report.seconds == pytest.approx(60)


async def test_leaving_early_still_counts_every_record_that_was_read(gateway: Gateway, client: SalesManago) -> None:
    gateway.latency = 100.0
    async with client.events.adding(events(20_000)) as outcomes:
        await anyio.sleep(5)
    taken = counts(outcomes.report)
    assert taken["in_doubt"] == 3000  # the three requests that were in flight, and did not end within 20 seconds
    assert 20 < outcomes.report.seconds < 30
    assert set(taken) == {"in_doubt", "not_sent"}


async def test_a_generator_may_fill_one_mapping_again_and_again(sm: SalesManago) -> None:
    def source() -> Iterator[dict[str, str]]:
        row: dict[str, str] = {}
        for index in range(1500):
            row["email"] = f"c{index}@example.com"
            yield row

    assert counts(await sm.contacts.upsert_many(source())) == {"accepted": 1500}
    assert (await sm.contacts.has("c0@example.com")).result


class _Odd:
    """Neither equal to anything nor unequal, as pandas.NA is."""

    def __eq__(self, other: object) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    def __ne__(self, other: object) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = None  # type: ignore[assignment]

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise RuntimeError("not to be pickled")


class _Proxy(dict[str, Any]):
    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)  # recurses for ever while it is being unpickled


async def test_whatever_a_record_does_it_stops_nothing(sm: SalesManago) -> None:
    source: list[Any] = [*contacts(3), {"email": "x@y.pl", "name": _Odd()}, _Proxy(email="p@x.pl"), *contacts(3, 3)]
    report = await sm.contacts.upsert_many(source)
    assert counts(report) == {"accepted": 7, "rejected": 1}
    assert "NA is ambiguous" in str(report.problems[0].reason)


async def test_what_was_taken_from_an_async_source_is_not_lost_by_a_stop(sm: SalesManago) -> None:
    closed = False

    async def source() -> AsyncIterator[Contact]:
        nonlocal closed
        try:
            for contact in contacts(500):
                yield contact
            await anyio.sleep_forever()
        finally:
            closed = True

    outcomes = await _outcomes_until(0.5, sm.contacts.upserting(source()))  # in a longer pause they would be sent
    assert counts(outcomes.report) == {"not_sent": 500}
    assert len(outcomes.taken) == 500
    assert closed


async def test_progress_that_raises_is_raised_when_all_is_settled(gateway: Gateway, client: SalesManago) -> None:
    def broken(report: Report) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        await client.contacts.upsert_many(contacts(20_000), on_progress=broken)
    assert "accepted" in "".join(caught.value.__notes__)


async def test_an_upsert_that_may_have_been_applied_at_its_first_try_is_in_doubt(
    gateway: Gateway, client: SalesManago
) -> None:
    gateway.intercept = lambda path, occurrence: (500 if occurrence == 1 else 429, b"")
    assert counts(await client.contacts.upsert_many(contacts(1000))) == {"in_doubt": 1000}


@pytest.mark.parametrize(("answer", "state"), [(b"{}", "in_doubt"), (b'{"success":true}', "submitted")])
async def test_an_answer_that_names_no_job(gateway: Gateway, client: SalesManago, answer: bytes, state: str) -> None:
    gateway.intercept = lambda path, _: (200, answer) if path == "contact/batchupsertv2" else None
    assert counts(await client.contacts.upsert_many(contacts(5))) == {state: 5}


async def test_a_poll_that_a_gateway_refuses_is_not_a_failed_job(gateway: Gateway, client: SalesManago) -> None:
    gateway.intercept = lambda path, occurrence: (
        (403, b'{"message":"rate"}') if (path, occurrence) == ("job/status", 1) else None
    )
    assert counts(await client.contacts.upsert_many(contacts(5))) == {"accepted": 5}


async def test_a_dead_link_to_a_job_that_runs_again_is_waited_for(gateway: Gateway, client: SalesManago) -> None:
    def intercept(path: str, occurrence: int) -> tuple[int, bytes] | None:
        if path.startswith("/files/") and gateway.seen.count("job/status") < 6:
            return 403, b""
        if path == "job/status" and occurrence in {3, 4}:
            return 200, b'{"success":true,"message":["Job not start yet"]}'
        return None

    gateway.intercept = intercept
    assert counts(await client.contacts.upsert_many(contacts(5))) == {"accepted": 5}


async def test_a_stop_ends_waits_for_another_try(gateway: Gateway, client: SalesManago) -> None:
    gateway.intercept = lambda *_: (503, b"")
    started = anyio.current_time()
    outcomes = await _outcomes_until(0.2, client.contacts.upserting(contacts(5000)))
    assert anyio.current_time() - started < 1
    assert counts(outcomes.report).keys() <= {"in_doubt", "not_sent"}


@pytest.mark.parametrize("option", [{"outstanding": 0}, {"batch_size": 0}, {"batch_size": 1001}])
async def test_options_that_let_nothing_through_are_refused(sm: SalesManago, option: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        await sm.contacts.upsert_many(contacts(1), **option)


async def test_a_misspelt_option_is_named(sm: SalesManago) -> None:
    with pytest.raises(TypeError, match="batchsize"):
        await sm.contacts.upsert_many(contacts(1), batchsize=5)  # type: ignore[call-arg]


@pytest.mark.anyio
async def test_a_job_of_an_absurd_number_is_not_followed(make_client: MakeClient, tmp_path: Path) -> None:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"success": true, "requestId": 18446744073709551615}'})

    async with make_client(answer) as sm:
        report = await sm.contacts.upsert_many([{"email": "ann@example.com"}], journal=tmp_path / "run.db")
    assert counts(report) == {"submitted": 1}


async def test_a_run_stops_for_the_silence_and_its_record_is_in_doubt_for_the_loss(make_client: MakeClient) -> None:
    failures = iter([httpx.ReadError("reset")])

    def serve(request: httpx.Request) -> httpx.Response:
        raise next(failures, httpx.ConnectError("refused"))

    async with (
        make_client(None, transport=httpx.MockTransport(serve)) as sm,
        sm.contacts.upserting([{"email": "ann@example.com"}], patience=1) as outcomes,
    ):
        (outcome,) = [each async for each in outcomes]
    assert str(outcomes.report.stopped).startswith("no answer for 1 s (last: ")
    assert outcome.state == "in_doubt"
    assert "the connection was lost; then no answer for 1 s (last: " in (outcome.reason or "")


async def test_the_reason_of_a_lost_record_is_the_loss_though_the_run_was_stopped_before_the_next_try(
    simulator: Simulator, make_client: MakeClient
) -> None:
    """The next try waits for its turn, and is stopped there: that alone would not say that a request was sent."""
    simulator.fail("reset-after", path="contact/batchupsertv2", at=1)
    async with (
        make_client(simulator, rate=0.1) as sm,
        sm.contacts.upserting([{"email": "ann@example.com"}]) as outcomes,
    ):
        await anyio.sleep(5)
        outcomes.stop()
        (outcome,) = [each async for each in outcomes]
    assert outcome.state == "in_doubt"
    assert outcome.reason is not None
    assert "the connection was lost; then it was stopped while it waited to be sent" in outcome.reason
    assert [request.path for request in simulator.requests] == ["contact/batchupsertv2"]


@pytest.mark.parametrize(("first", "waits"), [("P1", True), ("P2", False)])
async def test_a_run_that_only_waits_for_a_lost_request_to_be_over_says_so_once(
    first: str, waits: bool, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    simulator = Simulator(products=ProductSettings(takes_any_catalog=True))
    simulator.fail("reset-after", path="v3/product/*", at=1)
    rows = [{"productId": first, "quantity": 1}, {"productId": "P1", "quantity": 2}]
    await anyio.sleep(1)
    async with make_client(simulator, products_key=DEMO_PRODUCTS_KEY) as sm:
        report = await sm.products.update_quantities_many(rows, catalog_id="main", batch_size=1)
    assert report.accepted == 2
    told = [record.getMessage() for record in caplog.records if "waits for up to" in record.getMessage()]
    assert len(told) == waits
    assert all(text.startswith("The rest of the product quantities waits for up to 300 s: ") for text in told), told
