"""The report of a run: what it counts, whether the run did all its work, and what it says if it did not."""

import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import anyio
import httpx
import pytest

from salesmanago_async import Contact, NoAnswer, Outcome, Report, RunIncomplete, SalesManago, SalesManagoError
from salesmanago_async.connection.connection import Traffic
from salesmanago_async.imports.engine.settled import Settled
from salesmanago_async.imports.engine.tally import MAX_PROBLEMS, MAX_REQUEST_IDS, MAX_UNKNOWN, Tally
from salesmanago_async.outcome import State, Verdicts
from salesmanago_async.simulator import Fault, Simulator
from tests.conftest import MakeClient

GONE = NoAnswer("no answer for 300 s (last: reset)", sent=None)
EARLY = "; stopped before the end"

REPORTS: list[tuple[Mapping[str, Any], bool, str]] = [
    # what the report says, whether the run is complete, what is added to the counts
    ({"accepted": 3}, True, ""),
    ({"accepted": 2, "rejected": 1}, True, ""),
    ({"read": 0}, True, ""),
    ({"submitted": 3, "goal": "submitted"}, True, ""),
    ({"submitted": 2, "rejected": 1, "goal": "submitted"}, True, ""),
    ({"not_sent": 3, "goal": "not_sent"}, True, ""),
    ({"accepted": 3, "ended": False}, False, ""),
    ({"accepted": 2, "in_doubt": 1}, False, ""),
    ({"submitted": 2, "in_doubt": 1, "goal": "submitted"}, False, ""),
    ({"accepted": 2, "in_doubt": 1, "halted": True}, False, EARLY),
    ({"accepted": 3, "read_all": False}, False, EARLY),
    ({"not_sent": 3, "goal": "not_sent", "read_all": False}, False, EARLY),
    ({"accepted": 2, "not_sent": 1}, False, EARLY),
    (
        {"accepted": 2, "not_sent": 1, "first_reasons": {"not_sent": "its contact is"}},
        False,
        f"{EARLY}: its contact is",
    ),
    ({"submitted": 3}, False, EARLY),
    ({"submitted": 3, "first_reasons": {"submitted": "job 7 is gone"}}, False, f"{EARLY}: job 7 is gone"),
    ({"submitted": 3, "stopped": GONE}, False, f"{EARLY}: {GONE}"),
    ({"accepted": 3, "stopped": GONE}, False, f"{EARLY}: {GONE}"),
    ({"accepted": 1, "ended": False, "stopped": GONE}, False, f"{EARLY}: {GONE}"),
]


@pytest.mark.parametrize(("said", "is_complete", "added"), REPORTS)
def test_only_a_run_that_did_all_its_work_is_complete(said: Mapping[str, Any], is_complete: bool, added: str) -> None:
    report = Report(**{"read": 3, "read_all": True, "ended": True, **said})
    assert report.complete == report.as_dict()["complete"] == is_complete
    assert str(report) == report.counts + added
    if is_complete:
        report.raise_if_incomplete()
    else:
        with pytest.raises(RunIncomplete) as caught:
            report.raise_if_incomplete()
        assert caught.value.report is report
        assert str(caught.value) == f"the run is not complete: {report}"
        assert isinstance(caught.value, SalesManagoError)


def test_the_error_of_a_run_that_is_not_complete_says_why_records_are_in_doubt() -> None:
    reasons: dict[State, str] = {"rejected": "no address", "in_doubt": "its contact cannot be read back"}
    report = Report(read=3, rejected=2, in_doubt=1, read_all=True, ended=True, first_reasons=reasons)
    with pytest.raises(RunIncomplete, match="1 in doubt; first reason: its contact cannot be"):
        report.raise_if_incomplete()


def test_the_error_of_a_run_that_is_not_complete_can_be_sent_between_processes() -> None:
    error = RunIncomplete("why", Report(read=3, accepted=2, in_doubt=1, request_ids=(4,)))
    copied = pickle.loads(pickle.dumps(error))
    assert (str(copied), copied.report) == ("why", error.report)


def settled(count: int, verdicts: Verdicts) -> Settled:
    return Settled([None] * count, range(count), [None] * count, [""] * count, verdicts)


@pytest.mark.anyio
async def test_reasons_cover_all_records_that_were_not_accepted() -> None:
    counted = Tally(Traffic())
    others: Mapping[int, Any] = {0: ("rejected", "name: is 300 characters long"), 1: ("in_doubt", "no answer told")}
    counted.note_reasons(settled(5, Verdicts("accepted", None, others)))
    counted.note_reasons(settled(10, Verdicts("submitted", "job 7 was not followed to its end: why", request_id=7)))
    counted.note_reasons(settled(20, Verdicts("submitted", "job 8 was not followed to its end: why", request_id=8)))
    counted.note_reasons(settled(40, Verdicts("submitted", request_id=9)))
    counted.note_reasons(settled(3, Verdicts("in_doubt")))
    counted.note_reasons(settled(3, Verdicts("not_sent", "the run was stopped")))
    assert counted.reasons.most_frequent() == {
        "job … was not followed to its end: why": 30,
        "no reason was given": 3,
        "name: is … characters long": 1,
        "no answer told": 1,
    }
    assert counted.first_reasons["submitted"].startswith("job 7 ")
    assert "not_sent" not in counted.first_reasons
    assert (counted.unfollowed, list(counted.request_ids)) == (3, [7, 8, 9])


@pytest.mark.anyio
async def test_what_a_report_keeps_is_bounded() -> None:
    counted = Tally(Traffic())
    for number in range(5000):
        counted.note_unfollowed(number)
        counted.note_problems([Outcome(None, number, "rejected")] * 7)
    assert counted.unfollowed == 5000
    assert list(counted.request_ids) == list(range(MAX_REQUEST_IDS))
    assert len(counted.problems) == MAX_PROBLEMS


def contacts(count: int) -> Iterator[Contact]:
    return (Contact(email=f"c{index}@example.com") for index in range(count))


@pytest.mark.anyio
async def test_without_waiting_the_jobs_are_named(sm: SalesManago) -> None:
    report = await sm.contacts.upsert_many(contacts(30), batch_size=10, wait=False)
    assert (str(report), report.complete) == ("30 read: 30 submitted", True)
    assert (report.unfollowed, sorted(report.request_ids), dict(report.reasons)) == (3, [1, 2, 3], {})


@pytest.mark.anyio
@pytest.mark.parametrize("how", ["stop", "stop_at_once", "leave"])
async def test_however_a_run_is_ended_the_jobs_that_were_not_followed_are_named(how: str, sm: SalesManago) -> None:
    async with sm.contacts.upserting(contacts(30), batch_size=10) as outcomes:
        await anyio.sleep(5)
        if how != "leave":
            getattr(outcomes, how)()
            assert [outcome async for outcome in outcomes] or how == "stop_at_once"
    report = outcomes.report
    assert (report.submitted, sorted(report.request_ids), report.complete) == (30, [1, 2, 3], False)
    assert EARLY in str(report)


@pytest.mark.anyio
async def test_a_run_that_goes_on_does_not_say_that_it_was_stopped(sm: SalesManago) -> None:
    told: list[Report] = []
    await sm.contacts.upsert_many(contacts(30), batch_size=10, on_progress=told.append)
    assert told
    assert not any("stopped" in str(report) or report.ended for report in told)


@pytest.mark.anyio
async def test_a_job_that_could_not_be_followed_is_why_the_run_is_not_complete(
    simulator: Simulator, make_client: MakeClient
) -> None:
    simulator.faults = [Fault("truncated", path="files")]
    async with make_client(simulator) as sm:
        report = await sm.contacts.upsert_many(contacts(10))
    assert report.submitted == 10
    assert f"{EARLY}: job 1 was not followed to its end: " in str(report)
    assert list(report.reasons.values()) == [10]
    assert report.request_ids == (1,)


@pytest.mark.anyio
async def test_a_dry_run_is_complete(sm: SalesManago) -> None:
    report = await sm.contacts.upsert_many([*contacts(3), Contact(email="nobody")], dry_run=True)
    assert (str(report), report.complete) == ("4 read: 1 rejected, 3 not sent", True)


@pytest.mark.anyio
async def test_the_counts_in_a_note_do_not_repeat_the_error(make_client: MakeClient) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise httpx.ConnectError("refused")

    async with make_client(app) as sm:
        with pytest.raises(NoAnswer) as caught:
            await sm.contacts.upsert_many(contacts(3), patience=1)
    assert caught.value.__notes__[0].startswith("When it was raised: 3 read: 3 not sent. It has no journal")


@pytest.mark.anyio
async def test_keys_that_are_no_fields_are_told_once(sm: SalesManago) -> None:
    """Each record that has one is rejected, with its names; what to do about a name is a warning, once for each."""
    rows = [{"email": f"c{number}@example.com", "nmae": "Ann", "born": "1984"} for number in range(2500)]
    rows[7] = {"email": "a@example.com", "name": "Ann"}
    rows[9] = {"email": "a@example.com", "colour": "red"}
    report = await sm.contacts.upsert_many(rows)
    assert (report.accepted, report.rejected) == (1, 2499)
    assert report.reasons == {
        "nmae (did you mean 'name'?), born: are not fields": 2498,
        "colour: is not a field": 1,
    }
    assert [(found.column, found.count, found.position) for found in report.warnings] == [
        ("nmae", 2498, 0),
        ("born", 2498, 0),
        ("colour", 1, 9),
    ]
    assert str(report.warnings[0]) == (
        "nmae is not a field; did you mean 'name'? columns={'nmae': 'name'} maps it, "
        "extra_columns='ignore' leaves such columns out (2,498, first at position 0)"
    )
    cases: list[tuple[Any, int]] = [({"extra_columns": "ignore"}, 2500), ({"columns": {"nmae": "name"}}, 1)]
    for options, accepted in cases:
        again = await sm.contacts.upsert_many(rows, dry_run=True, **options)
        assert again.not_sent == accepted
        assert [found.column for found in again.warnings] == ([] if accepted == 2500 else ["born", "colour"])


@pytest.mark.anyio
async def test_not_every_key_is_remembered(sm: SalesManago) -> None:
    rows = ({"email": "a@example.com", f"visited {number}": "x"} for number in range(2 * MAX_UNKNOWN))
    report = await sm.contacts.upsert_many(rows)
    assert (report.rejected, len(report.warnings)) == (2 * MAX_UNKNOWN, MAX_UNKNOWN)
