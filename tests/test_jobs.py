"""One job: a single poll, waiting for the file, and reading the file."""

import json
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from attrs import define, field

from salesmanago_async import (
    Contact,
    ContactExport,
    Email,
    Invalid,
    Job,
    JobFailed,
    JobNotFound,
    NotAuthenticated,
    SalesManago,
    StillRunning,
    Tag,
)
from salesmanago_async.exports.sinks import Saved
from tests.conftest import MakeClient

pytestmark = [pytest.mark.anyio, pytest.mark.both_loops]

ADDRESSES = [f"ann{number}@example.com" for number in range(5)]


async def exported(sm: SalesManago) -> Job[ContactExport]:
    for email in ADDRESSES:
        await sm.contacts.upsert(Contact(email=email, name=f"Ann {email[3]}", tags=["VIP"]))
    return await sm.contacts.export(to=[Tag("VIP"), Email("nobody@example.com")], data=["CONTACT", "TAG"])


@define
class Account(httpx.AsyncBaseTransport):
    """Answers job/status from a script, each answer after `seconds`; repeats the last answer; records the polls."""

    script: list[dict[str, Any]]
    seconds: float = 0.0
    polls: list[float] = field(factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.polls.append(anyio.current_time())
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        await anyio.sleep(self.seconds)
        return httpx.Response(200, json=answer)


RUNNING = {"success": True, "message": ["Job not start yet"]}
DONE = {"success": True, "message": [], "fileUrl": "https://files.example.com/f"}


# One job


async def test_a_job_runs_and_then_is_done(sm: SalesManago) -> None:
    job = await exported(sm)
    first = await job.status()
    assert (first.state, first.messages, first.file_url) == ("running", ("Job not start yet",), None)
    await anyio.sleep(89.9)
    assert (await job.status()).state == "running"
    await anyio.sleep(0.2)
    last = await job.status()
    assert last.state == "done"
    assert last.file_url


@pytest.mark.parametrize(
    ("answer", "state", "messages"),
    [
        (RUNNING, "running", ("Job not start yet",)),
        ({"success": True, "message": ["Job failed miserably"]}, "running", ("Job failed miserably",)),
        ({"success": True, "message": "W kolejce"}, "running", ("W kolejce",)),
        ({"success": True, "message": [], "fileUrl": None}, "running", ()),
        ({"success": True, "message": [], "fileUrl": ""}, "running", ()),
        ({"success": True}, "running", ()),
        (DONE, "done", ()),
        ({"success": False, "message": ["Job failed"]}, "failed", ("Job failed",)),
        ({"success": False, "message": "JOB_FAILED"}, "failed", ("JOB_FAILED",)),
        (
            {"success": False, "message": "The import has failed: disk full"},
            "failed",
            ("The import has failed: disk full",),
        ),
        ({"success": False, "message": ["Job 12 was cancelled"]}, "failed", ("Job 12 was cancelled",)),
        ({"success": False, "message": ["Export ended with errors"]}, "failed", ("Export ended with errors",)),
        ({"success": False, "message": ["No such job"]}, "unknown", ("No such job",)),
        ({"success": False, "message": "Job not found"}, "unknown", ("Job not found",)),
        ({"success": False, "message": "Failed to find job"}, "unknown", ("Failed to find job",)),
        ({"success": False, "message": "Job failed to load"}, "unknown", ("Job failed to load",)),
        ({"success": False, "message": "Request failed"}, "unknown", ("Request failed",)),
        ({"success": False, "message": ["Nie znaleziono"]}, "unknown", ("Nie znaleziono",)),
        ({"success": False, "message": None}, "unknown", ()),
        ({"success": False}, "unknown", ()),
    ],
)
async def test_what_an_answer_says_of_a_job(
    make_client: MakeClient, answer: dict[str, Any], state: str, messages: tuple[str, ...]
) -> None:
    async with make_client(None, transport=Account([answer])) as sm:
        status = await sm.jobs.attach(7).status()
    assert (status.state, status.messages) == (state, messages)
    assert bool(status.file_url) is (state == "done")


async def test_a_failed_job_ends_the_wait_with_the_texts_of_the_server(make_client: MakeClient) -> None:
    account = Account([RUNNING, {"success": False, "message": ["Job failed", "Disk full"]}])
    async with make_client(None, transport=account) as sm:
        with pytest.raises(JobFailed, match="Job failed; Disk full") as raised:
            await sm.jobs.attach(7).file_url()
    assert (raised.value.request_id, raised.value.messages) == (7, ("Job failed", "Disk full"))
    assert not isinstance(raised.value, JobNotFound)
    assert account.polls == [0.0, 3.0]


async def test_wrong_credentials_do_not_make_a_job_failed(make_client: MakeClient) -> None:
    async with make_client(None, transport=Account([{"success": False, "message": ["Not authenticated"]}])) as sm:
        with pytest.raises(NotAuthenticated):
            await sm.jobs.attach(7).status()
        with pytest.raises(NotAuthenticated):
            await sm.jobs.attach(7).file_url()


async def test_a_job_that_the_server_does_not_know_is_not_found_and_not_failed(sm: SalesManago) -> None:
    job = sm.jobs.attach(12345)
    assert (await job.status()).state == "unknown"
    with pytest.raises(JobNotFound, match="does not know how job 12345 stands") as raised:
        await job.file_url()
    assert (raised.value.request_id, raised.value.messages) == (12345, ("Job not found",))
    assert "failed" not in str(raised.value)


UNKNOWN = {"success": False, "message": ["Job not found"]}


async def test_an_unknown_job_is_polled_again_as_one_node_of_the_server_may_lag(make_client: MakeClient) -> None:
    account = Account([UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, RUNNING, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, DONE])
    async with make_client(None, transport=account, poll_interval=1.0) as sm:
        assert await sm.jobs.attach(7).file_url() == DONE["fileUrl"]
    assert len(account.polls) == 10


async def test_five_answers_in_a_row_that_a_job_is_unknown_are_final(make_client: MakeClient) -> None:
    account = Account([UNKNOWN])
    async with make_client(None, transport=account) as sm:
        job = sm.jobs.attach(7)
        with pytest.raises(JobNotFound):
            await job.file_url()
        assert account.polls == [0.0, 60.0, 120.0, 180.0, 240.0]
        with pytest.raises(JobNotFound):
            await job.result()
        assert len(account.polls) == 6


async def test_at_the_deadline_an_unknown_job_is_not_called_running(make_client: MakeClient) -> None:
    account = Account([RUNNING, UNKNOWN])
    async with make_client(None, transport=account) as sm:
        with pytest.raises(JobNotFound):
            await sm.jobs.attach(7).file_url(deadline=60.0)


async def test_every_method_that_reads_the_file_of_an_unknown_job_says_so(
    make_client: MakeClient, tmp_path: Path
) -> None:
    async with make_client(None, transport=Account([UNKNOWN]), poll_interval=0.1) as sm:
        with pytest.raises(JobNotFound):
            await sm.jobs.attach(7).save(tmp_path / "contacts.json")
        with pytest.raises(JobNotFound):
            async with sm.jobs.attach(7).records():
                pytest.fail("there is no file")
        with pytest.raises(JobNotFound):
            async with sm.jobs.attach(7).stream():
                pytest.fail("there is no file")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("seconds", "polls"), [(0.0, [0.0, 3.0, 63.0, 123.0]), (5.0, [0.0, 8.0, 73.0, 138.0])])
async def test_a_job_is_polled_early_and_then_an_interval_after_the_end_of_the_last_poll(
    make_client: MakeClient, seconds: float, polls: list[float]
) -> None:
    account = Account([RUNNING, RUNNING, RUNNING, DONE], seconds)
    async with make_client(None, transport=account) as sm:
        assert await sm.jobs.attach(7).file_url() == DONE["fileUrl"]
    assert account.polls == pytest.approx(polls)


async def test_the_interval_is_the_callers(make_client: MakeClient) -> None:
    account = Account([RUNNING, RUNNING, DONE])
    async with make_client(None, transport=account, poll_interval=2.5) as sm:
        await sm.jobs.attach(7).file_url()
    assert account.polls == [0.0, 2.5, 5.0]


@pytest.mark.parametrize(("deadline", "polls"), [(0.0, 1), (2.0, 2), (60.0, 3), (120.0, 4), (600.0, 12)])
async def test_a_deadline_raises_still_running_with_what_resumes_the_wait(
    make_client: MakeClient, deadline: float, polls: int
) -> None:
    account = Account([RUNNING])
    async with make_client(None, transport=account) as sm:
        with pytest.raises(StillRunning, match=r"attach\(request_id=7\)") as raised:
            await sm.jobs.attach(7).file_url(deadline=deadline)
        assert anyio.current_time() == deadline
        assert raised.value.request_id == 7
        account.script = [DONE]
        assert await sm.jobs.attach(raised.value.request_id).file_url()
    assert len(account.polls) == polls + 1


async def test_a_job_done_before_the_deadline_is_no_longer_running(sm: SalesManago) -> None:
    job = await exported(sm)
    assert await job.file_url(deadline=120.0)


async def test_leaving_the_wait_does_not_end_the_job(sm: SalesManago) -> None:
    job = await exported(sm)
    with anyio.move_on_after(70):
        await job.file_url()
    async with sm.jobs.attach(job.request_id).records() as records:
        assert len([record async for record in records]) == len(ADDRESSES)


async def test_records_are_typed_or_raw(sm: SalesManago) -> None:
    job = await exported(sm)
    async with job.records() as records:
        typed = [record async for record in records]
    async with job.records(raw=True) as raw_records:
        raw = [record async for record in raw_records]
    async with sm.jobs.attach(job.request_id).records() as attached_records:
        attached = [record async for record in attached_records]
    assert [record.contact_data.email for record in typed if record.contact_data] == ADDRESSES
    assert [record.contact_id for record in typed] == [next(iter(record)) for record in raw]
    assert raw == attached


async def test_a_stream_yields_the_bytes_of_the_file(sm: SalesManago) -> None:
    job = await exported(sm)
    async with job.stream() as chunks:
        content = b"".join([chunk async for chunk in chunks])
    assert await job.result() == content
    assert len(json.loads(content)) == len(ADDRESSES)


@pytest.mark.parametrize("name", ["contacts.json", "contacts.jsonl"])
async def test_save_writes_the_records_as_the_file_has_them(sm: SalesManago, tmp_path: Path, name: str) -> None:
    job = await exported(sm)
    path = tmp_path / name
    assert await job.save(path) == len(ADDRESSES)
    async with job.records(raw=True) as records:
        expected = [record async for record in records]
    text = path.read_text()
    assert (
        json.loads(text) if name.endswith(".json") else [json.loads(line) for line in text.splitlines()]
    ) == expected
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


async def test_save_reports_its_progress(sm: SalesManago, tmp_path: Path) -> None:
    job = await exported(sm)
    progress: list[Saved] = []
    await job.save(tmp_path / "contacts.csv", on_progress=progress.append)
    length = len(await job.result())
    assert progress[-1] == Saved(records=len(ADDRESSES), received=length, total=length)


async def test_save_writes_another_format_than_the_name_says_if_asked_to(sm: SalesManago, tmp_path: Path) -> None:
    job = await exported(sm)
    await job.save(tmp_path / "contacts.txt", format="jsonl")
    assert len((tmp_path / "contacts.txt").read_text().splitlines()) == len(ADDRESSES)


@pytest.mark.parametrize("name", ["contacts.xls", "missing/contacts.json"])
async def test_save_refuses_a_path_before_it_waits(sm: SalesManago, tmp_path: Path, name: str) -> None:
    job = await exported(sm)
    with pytest.raises(Invalid):
        await job.save(tmp_path / name)
    assert anyio.current_time() == 0.0


async def test_save_of_an_unknown_job_leaves_no_file(sm: SalesManago, tmp_path: Path) -> None:
    with pytest.raises(JobNotFound):
        await sm.jobs.attach(12345).save(tmp_path / "contacts.json")
    assert list(tmp_path.iterdir()) == []


async def test_an_export_of_nothing_has_no_records(sm: SalesManago, tmp_path: Path) -> None:
    job = await sm.contacts.export(to=[Tag("NOBODY")])
    assert await job.save(tmp_path / "contacts.json") == 0
    assert json.loads((tmp_path / "contacts.json").read_text()) == []


async def test_a_link_that_expired_while_known_is_replaced(sm: SalesManago) -> None:
    job = await exported(sm)
    await job.file_url()
    await anyio.sleep(301)
    assert len(json.loads(await job.result())) == len(ADDRESSES)
