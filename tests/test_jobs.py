"""Jobs: one look, the wait for the file, the file; and the watcher of thousands."""

import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
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
    NotAuthenticated,
    SalesManago,
    StillRunning,
    Tag,
)
from salesmanago_async.exports.sinks import Saved
from salesmanago_async.jobs import JobWatcher
from salesmanago_async.simulator import Simulator
from tests.conftest import MakeClient

pytestmark = pytest.mark.anyio

ADDRESSES = [f"ann{number}@example.com" for number in range(5)]


async def exported(sm: SalesManago) -> Job[ContactExport]:
    for email in ADDRESSES:
        await sm.contacts.upsert(Contact(email=email, name=f"Ann {email[3]}", tags=["VIP"]))
    return await sm.contacts.export(to=[Tag("VIP"), Email("nobody@example.com")], data=["CONTACT", "TAG"])


@define
class Account(httpx.AsyncBaseTransport):
    """Answers job/status from a script, the last answer for ever, after `seconds`; notes when each look began."""

    script: list[dict[str, Any]]
    seconds: float = 0.0
    looks: list[float] = field(factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.looks.append(anyio.current_time())
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
        ({"success": False, "message": ["No such job"]}, "failed", ("No such job",)),
        ({"success": False, "message": "No such job"}, "failed", ("No such job",)),
        ({"success": False}, "failed", ()),
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
    account = Account([RUNNING, {"success": False, "message": ["Disk full", "Sorry"]}])
    async with make_client(None, transport=account) as sm:
        with pytest.raises(JobFailed, match="Disk full; Sorry") as raised:
            await sm.jobs.attach(7).file_url()
    assert (raised.value.request_id, raised.value.messages) == (7, ("Disk full", "Sorry"))
    assert account.looks == [0.0, 60.0]


async def test_wrong_credentials_do_not_make_a_job_failed(make_client: MakeClient) -> None:
    async with make_client(None, transport=Account([{"success": False, "message": ["Not authenticated"]}])) as sm:
        with pytest.raises(NotAuthenticated):
            await sm.jobs.attach(7).status()
        with pytest.raises(NotAuthenticated):
            await sm.jobs.attach(7).file_url()


async def test_an_unknown_job_is_failed(sm: SalesManago) -> None:
    with pytest.raises(JobFailed) as raised:
        await sm.jobs.attach(12345).file_url()
    assert raised.value.request_id == 12345


@pytest.mark.parametrize(("seconds", "looks"), [(0.0, [0.0, 60.0, 120.0, 180.0]), (5.0, [0.0, 65.0, 130.0, 195.0])])
async def test_a_job_is_looked_at_an_interval_after_the_end_of_the_last_look(
    make_client: MakeClient, seconds: float, looks: list[float]
) -> None:
    account = Account([RUNNING, RUNNING, RUNNING, DONE], seconds)
    async with make_client(None, transport=account) as sm:
        assert await sm.jobs.attach(7).file_url() == DONE["fileUrl"]
    assert account.looks == pytest.approx(looks)


async def test_the_interval_is_the_callers(make_client: MakeClient) -> None:
    account = Account([RUNNING, RUNNING, DONE])
    async with make_client(None, transport=account, poll_interval=2.5) as sm:
        await sm.jobs.attach(7).file_url()
    assert account.looks == [0.0, 2.5, 5.0]


@pytest.mark.parametrize(("deadline", "looks"), [(0.0, 1), (60.0, 2), (120.0, 3), (600.0, 11)])
async def test_a_deadline_gives_still_running_with_what_resumes(
    make_client: MakeClient, deadline: float, looks: int
) -> None:
    account = Account([RUNNING])
    async with make_client(None, transport=account) as sm:
        with pytest.raises(StillRunning, match=r"attach\(request_id=7\)") as raised:
            await sm.jobs.attach(7).file_url(deadline=deadline)
        assert anyio.current_time() == deadline
        assert raised.value.request_id == 7
        account.script = [DONE]
        assert await sm.jobs.attach(raised.value.request_id).file_url()
    assert len(account.looks) == looks + 1


async def test_a_job_done_before_the_deadline_is_no_longer_running(sm: SalesManago) -> None:
    job = await exported(sm)
    assert await job.file_url(deadline=120.0)


async def test_giving_up_the_wait_does_not_end_the_job(sm: SalesManago) -> None:
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


async def test_a_stream_gives_the_bytes_of_the_file(sm: SalesManago) -> None:
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


async def test_save_tells_how_far_it_is(sm: SalesManago, tmp_path: Path) -> None:
    job = await exported(sm)
    told: list[Saved] = []
    await job.save(tmp_path / "contacts.csv", on_progress=told.append)
    length = len(await job.result())
    assert told[-1] == Saved(records=len(ADDRESSES), received=length, total=length)


async def test_save_writes_another_format_than_the_name_says_if_told(sm: SalesManago, tmp_path: Path) -> None:
    job = await exported(sm)
    await job.save(tmp_path / "contacts.txt", format="jsonl")
    assert len((tmp_path / "contacts.txt").read_text().splitlines()) == len(ADDRESSES)


@pytest.mark.parametrize("name", ["contacts.xls", "missing/contacts.json"])
async def test_save_refuses_a_path_before_it_waits(sm: SalesManago, tmp_path: Path, name: str) -> None:
    job = await exported(sm)
    with pytest.raises(Invalid):
        await job.save(tmp_path / name)
    assert anyio.current_time() == 0.0


async def test_save_of_a_failed_job_leaves_no_file(sm: SalesManago, tmp_path: Path) -> None:
    with pytest.raises(JobFailed):
        await sm.jobs.attach(12345).save(tmp_path / "contacts.json")
    assert list(tmp_path.iterdir()) == []


async def test_an_export_of_nothing_has_no_records(sm: SalesManago, tmp_path: Path) -> None:
    job = await sm.contacts.export(to=[Tag("NOBODY")])
    assert await job.save(tmp_path / "contacts.json") == 0
    assert json.loads((tmp_path / "contacts.json").read_text()) == []


async def test_a_link_that_expired_while_known_is_replaced(sm: SalesManago) -> None:
    job = await exported(sm)
    link = await job.file_url()
    await anyio.sleep(301)
    assert len(json.loads(await job.result(link))) == len(ADDRESSES)


# The watcher of many

INTERVAL = 60.0

Look = Callable[[int], Awaitable[bool]]


@define
class Looks:
    """Looks at entries, each settled at look number `needed`; notes when each look began and ended."""

    needed: Callable[[int], int] = lambda _: 1
    seconds: float = 0.0
    begun: defaultdict[int, list[float]] = field(factory=lambda: defaultdict(list))
    ended: defaultdict[int, list[float]] = field(factory=lambda: defaultdict(list))
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, entry: int) -> bool:
        self.begun[entry].append(anyio.current_time())
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await anyio.sleep(self.seconds)
        self.at_once -= 1
        self.ended[entry].append(anyio.current_time())
        return len(self.begun[entry]) >= self.needed(entry)


@pytest.fixture
def watch(make_client: MakeClient, simulator: Simulator) -> Callable[..., JobWatcher[int]]:
    client = make_client(simulator, poll_interval=INTERVAL)

    def watch(look: Look, *, outstanding: int = 10_000) -> JobWatcher[int]:
        return JobWatcher(look, connection=client._connection, outstanding=outstanding)

    return watch


Watch = Callable[..., JobWatcher[int]]


async def follow(watcher: JobWatcher[int], entries: int, *, workers: int) -> None:
    """Add the entries while the workers look, and wait until all are settled."""
    async with anyio.create_task_group() as tasks:
        for _ in range(workers):
            tasks.start_soon(watcher.work)
        for entry in range(entries):
            await watcher.add(entry)
        watcher.close()


@pytest.mark.parametrize(("entries", "workers", "seconds"), [(1, 1, 0.0), (50, 1, 3.0), (200, 4, 0.5), (7, 20, 10.0)])
async def test_no_entry_is_looked_at_sooner_than_an_interval_after_its_last_look(
    watch: Watch, entries: int, workers: int, seconds: float
) -> None:
    looks = Looks(lambda entry: 1 + entry % 4, seconds)
    watcher = watch(looks)
    await follow(watcher, entries, workers=workers)
    assert {entry: len(begun) for entry, begun in looks.begun.items()} == {n: 1 + n % 4 for n in range(entries)}
    for entry in range(entries):
        since = [0.0, *looks.ended[entry]]
        waits = [begun - ended for begun, ended in zip(looks.begun[entry], since, strict=False)]
        assert min(waits) >= INTERVAL
    assert looks.most_at_once <= workers
    assert watcher.held == 0


async def test_with_workers_to_spare_no_entry_waits_much_longer_than_its_interval(watch: Watch) -> None:
    looks = Looks(lambda _: 3)
    await follow(watch(looks), 100, workers=4)
    for begun in looks.begun.values():
        waits = [later - earlier for earlier, later in zip([0.0, *begun], begun, strict=False)]
        assert max(waits) <= INTERVAL * 1.1
    assert len({begun[0] for begun in looks.begun.values()}) > 90, "jobs started together are not asked for together"


async def test_thousands_of_entries_need_few_workers(watch: Watch) -> None:
    looks = Looks(lambda _: 2, seconds=0.01)
    await follow(watch(looks), 3000, workers=3)
    assert sum(map(len, looks.begun.values())) == 6000
    assert looks.most_at_once == 3


async def test_add_waits_for_room(watch: Watch) -> None:
    looks = Looks(lambda _: 2)
    watcher = watch(looks, outstanding=3)
    added: list[float] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watcher.work)
        for entry in range(7):
            await watcher.add(entry)
            added.append(anyio.current_time())
            assert watcher.held <= 3
        watcher.close()
    assert added[:3] == [0.0] * 3
    # An entry is settled by its second look, at 120 to 126 seconds (5 % jitter); then there is room for one more.
    assert all(120 <= moment <= 126 for moment in added[3:6])
    assert 240 <= added[6] <= 252
    assert len(looks.begun) == 7


async def test_two_that_wait_for_the_same_room_do_not_both_get_it(watch: Watch) -> None:
    watcher = watch(Looks(), outstanding=1)
    most = 0

    async def add(entry: int) -> None:
        nonlocal most
        await watcher.add(entry)
        most = max(most, watcher.held)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watcher.work)
        async with anyio.create_task_group() as adding:
            for entry in range(5):
                adding.start_soon(add, entry)
        watcher.close()
    assert most == 1


async def test_hurry_has_everything_looked_at_now(watch: Watch) -> None:
    looks = Looks()
    watcher = watch(looks)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watcher.work)
        for entry in range(20):
            await watcher.add(entry)
        await anyio.sleep(10)
        assert looks.begun == {}
        watcher.hurry()
        watcher.close()
    assert {tuple(begun) for begun in looks.begun.values()} == {(10.0,)}
    assert len(looks.begun) == 20


async def test_work_ends_when_closed_and_not_before(watch: Watch) -> None:
    watcher = watch(Looks(lambda _: 2))
    ended: list[float] = []

    async def work() -> None:
        await watcher.work()
        ended.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(work)
        await watcher.add(1)
        await anyio.sleep(1000)
        assert watcher.held == 0
        assert ended == []
        await watcher.add(2)
        watcher.close()
        await anyio.sleep(30)
        assert ended == []
    assert len(ended) == 3
    assert all(1120 <= moment <= 1126 for moment in ended)


async def test_work_without_entries_ends_at_once_when_closed(watch: Watch) -> None:
    await follow(watch(Looks()), 0, workers=3)
    assert anyio.current_time() == 0.0
