"""Faults: their text form, which requests they affect, and their effects, in process."""

import json
import re
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import anyio
import httpx
import pytest

from salesmanago_async import Contact, Email, Invalid, SalesManago
from salesmanago_async.api import ALIASES, REQUESTS
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Fault, Simulator
from tests.conftest import EPOCH, MakeClient, wall_clock

ANN = "ann@example.com"
ADD, ASK, BATCH = "contact/upsert", "contact/hasContact", "contact/batchupsertv2"
EVENTS = "contact/batchAddContactExtEvent"


# Text form


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("503", Fault("status", status=503)),
        ("status,status=503", Fault("status", status=503)),
        ("429,retry-after=5,share=0.1", Fault("status", status=429, retry_after=5, share=0.1)),
        ("503,retry-after=date+2.5", Fault("status", status=503, retry_after=timedelta(seconds=2.5))),
        ("status-after,status=500", Fault("status-after", status=500)),
        (f" 503 , path = {BATCH} , at = 1 ; 3 ", Fault("status", status=503, path=BATCH, at=[1, 3])),
        (f"reset-after,path={EVENTS},at=2-4", Fault("reset-after", path=EVENTS, at=range(2, 5))),
        ("reset-before,at=7;2-4", Fault("reset-before", at=[range(7, 8), range(2, 5)])),
        ("garbled,at=3-", Fault("garbled", at=range(3, sys.maxsize))),
        ("slow,seconds=2", Fault("slow", seconds=2)),
        ("late,seconds=0.5", Fault("late", seconds=0.5)),
        ("truncated,path=files", Fault("truncated", path="files")),
        ("truncated,after=100", Fault("truncated", after=100)),
        ("reset-after,after=0", Fault("reset-after", after=0)),
        ("garbled,after=7,path=files", Fault("garbled", after=7, path="files")),
        ("trickle,seconds=0.1", Fault("trickle", seconds=0.1)),
        ("wrong-length,by=-10", Fault("wrong-length", by=-10)),
        ("other-file,how=bomb,at=2", Fault("other-file", how="bomb", at=2)),
        ("wrong-range,how=start", Fault("wrong-range", how="start")),
        ("expired", Fault("expired")),
        ("expired,after=5", Fault("expired", after=5)),
        ("failed-job,share=0.2", Fault("failed-job", share=0.2)),
    ],
)
def test_a_text_and_a_value_give_the_same_fault(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault
    assert Fault.parse(str(fault)) == fault


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("", "kind", "''"),
        ("nosuch", "kind", "reset-before"),
        ("99", "kind", "'99'"),
        ("5030", "kind", "'5030'"),
        ("600", "status", "599"),
        ("399", "status", "400"),
        ("status", "status", "needed"),
        ("status-after,status=429", "status", "500"),
        ("503,status=504", "status", "twice"),
        ("503,at=1,at=2", "at", "twice"),
        ("503,seconds=1", "seconds", "nothing"),
        ("late", "seconds", "needed"),
        ("slow,seconds=-1", "seconds", "from 0"),
        ("slow,seconds=inf", "seconds", "number"),
        ("slow,seconds=soon", "seconds", "'soon'"),
        ("garbled,retry-after=1", "retry_after", "nothing"),
        ("503,retry-after=-1", "retry_after", "whole seconds"),
        ("503,retry-after=1.5", "retry-after", "'1.5'"),
        ("503,retry-after=date+1e30", "retry-after", "date+5"),
        ("503,retry-after=date+99999999", "retry_after", "year"),
        ("503,at=0", "at", "from 1"),
        ("503,at=3-2", "at", "from 1"),
        ("503,at=1;;2", "at", "'1;;2'"),
        ("503,at=1.5", "at", "1;3-5"),
        ("503,share=1.1", "share", "0 to 1"),
        ("503,share=nan", "share", "0 to 1"),
        ("503,path=contact/upsrt", "path", "'contact/upsert'"),
        ("503,path=/api/contact/upsert", "path", "'contact/upsert'"),
        ("truncated,after=-1", "after", "from 0"),
        ("truncated,after=1.5", "after", "'1.5'"),
        ("reset-before,after=1", "after", "nothing"),
        ("503,after=1", "after", "nothing"),
        ("trickle", "seconds", "needed"),
        ("wrong-length", "by", "needed"),
        ("wrong-length,by=0", "by", "other than 0"),
        ("wrong-length,by=few", "by", "-10"),
        ("truncated,by=1", "by", "nothing"),
        ("other-file", "how", "needed"),
        ("other-file,how=start", "how", "reordered, page, bomb, outside"),
        ("wrong-range,how=page", "how", "ignored, start, total, version"),
        ("garbled,how=page", "how", "nothing"),
        ("other-file,how=page,path=contact/*", "path", "other-file"),
        ("wrong-range,how=start,path=file", "path", "'files'"),
        ("expired,path=contact/*", "path", "expired"),
        ("failed-job,path=contact/upsert", "path", "failed-job"),
        ("503,att=1", None, "'att=1'"),
        ("503,at", None, "'at'"),
        ("503,path=", None, "'path='"),
        ("503,", None, "''"),
    ],
)
def test_a_bad_part_is_named(text: str, field: str | None, said: str) -> None:
    with pytest.raises(Invalid, match=re.escape(said)) as refused:
        Fault.parse(text)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("at", []),
        ("at", "1"),
        ("at", 1.5),
        ("at", range(0)),
        ("at", [2, -1]),
        ("at", range(5, -1, -1)),
        ("share", "1"),
        ("status", "503"),
        ("retry_after", "Mon, 01 Jan 2024 00:00:00 GMT"),
        ("path", 5),
        ("after", "1"),
        ("by", 1.5),
        ("how", ""),
    ],
)
def test_values_are_checked_too(field: str, value: Any) -> None:
    kinds: dict[str, Any] = {"after": "truncated", "by": "wrong-length", "how": "other-file"}
    options: dict[str, Any] = {field: value} if field in kinds else {"status": 503, field: value}
    with pytest.raises(Invalid) as refused:
        Fault(kinds.get(field, "status"), **options)
    assert refused.value.field == field


def test_an_unknown_kind_is_refused() -> None:
    kind: Any = "nosuch"
    with pytest.raises(Invalid, match="kind: must be one of status, "):
        Fault(kind)


@pytest.mark.parametrize("path", ["files", *REQUESTS, *ALIASES])
def test_a_fault_can_name_any_path(path: str) -> None:
    assert Fault("garbled", path=path).concerns(path)
    assert Fault("garbled").concerns(path)


# Which requests they affect


def met(simulator: Simulator, *paths: str) -> list[str | None]:
    """Return the kind of fault that affects each request, in order."""
    return [getattr(simulator._schedule.next(path), "kind", None) for path in paths]


def test_requests_are_counted_by_pattern_and_the_first_fault_applies() -> None:
    simulator = Simulator(
        faults=[
            Fault("reset-after", path="contact/*", at=[1, 4]),
            Fault("reset-before", path="contact/upsert", at=range(1, 3)),
            Fault("garbled", path="files", at=2),
        ]
    )
    paths = (ADD, "files", ADD, ADD, ASK, "files", "funnel/add", ADD)
    assert met(simulator, *paths) == [
        "reset-after",
        None,
        "reset-before",
        None,
        "reset-after",
        "garbled",
        None,
        None,
    ]


def test_new_faults_count_from_the_start() -> None:
    simulator = Simulator(faults=[Fault("garbled", at=1)])
    assert met(simulator, ADD, ADD) == ["garbled", None]
    simulator.faults = [Fault("reset-after", at=2)]
    assert list(simulator.faults) == [Fault("reset-after", at=2)]
    assert met(simulator, ADD, ADD, ADD) == [None, "reset-after", None]
    simulator.faults = ()
    assert met(simulator, ADD, ADD) == [None, None]


def test_some_faults_count_only_requests_they_can_affect() -> None:
    links = [Fault("expired", at=1), Fault("other-file", how="page", at=2), Fault("wrong-range", how="total", at=3)]
    simulator = Simulator(faults=[*links, Fault("failed-job", at=2), Fault("garbled", path="job/*")])
    paths = (ADD, "job/status", BATCH, ADD, "files", BATCH, "contact/export/data", "files", ADD, "files", "files")
    kinds = met(simulator, *paths)
    assert kinds[:7] == [None, "garbled", None, None, "expired", "failed-job", None]
    assert kinds[7:] == ["other-file", None, "wrong-range", None]


def test_a_seed_gives_the_same_choices_despite_other_requests() -> None:
    faults = [Fault("garbled", path=ADD, share=0.3), Fault("late", path="*", share=0.5, seconds=1)]
    first, again, other = (Simulator(faults=faults, seed=seed) for seed in (7, 7, 8))
    paths = [ADD, ASK, ADD, "files"] * 250
    whole = met(first, *paths)
    assert met(again, *paths) == whole != met(other, *paths)
    assert whole.count("garbled") == pytest.approx(0.3 * 500, rel=0.2)
    assert whole.count("late") == pytest.approx(0.5 * (1000 - whole.count("garbled")), rel=0.2)
    alone = met(Simulator(faults=faults, seed=7), *[ADD] * 500)
    with_others = [kind for path, kind in zip(paths, whole, strict=True) if path == ADD]
    garbled = [[number for number, kind in enumerate(kinds) if kind == "garbled"] for kinds in (alone, with_others)]
    assert garbled[0] == garbled[1]


def test_the_choices_of_two_faults_are_independent() -> None:
    kinds = met(Simulator(faults=[Fault("garbled", share=0.5), Fault("truncated", share=0.5)]), *[ADD] * 1000)
    assert [kinds.count(kind) for kind in ("garbled", "truncated", None)] == pytest.approx([500, 250, 250], rel=0.2)


def test_a_share_applies_to_the_numbers_in_at() -> None:
    simulator = Simulator(faults=[Fault("garbled", at=range(101, 201), share=0.5)])
    kinds = met(simulator, *[ADD] * 300)
    assert kinds[:100] == kinds[200:] == [None] * 100
    assert kinds.count("garbled") == pytest.approx(50, abs=20)
    assert met(Simulator(faults=[Fault("garbled", share=0)]), *[ADD] * 100) == [None] * 100
    assert met(Simulator(faults=[Fault("garbled", share=1)]), *[ADD] * 100) == ["garbled"] * 100


# Effects, in process


class Account:
    """A plain HTTP client of the simulator, which signs what it posts."""

    def __init__(self, simulator: Simulator, http: httpx.AsyncClient) -> None:
        self.simulator = simulator
        self.http = http

    async def post(self, path: str, **fields: Any) -> httpx.Response:
        mine = DEMO_CREDENTIALS
        head = {"clientId": mine.client_id, "apiKey": mine.api_key, "sha": mine.signature(), "requestTime": 1}
        return await self.http.post(f"/api/{path}", json={**head, "owner": DEMO_OWNER, **fields})

    async def add(self) -> httpx.Response:
        return await self.post(ADD, contact={"email": ANN})

    async def has_ann(self) -> bool:
        return bool((await self.post(ASK, email=ANN)).json()["result"])

    async def start(self, email: str) -> int:
        return int((await self.post(BATCH, upsertDetails=[{"contact": {"email": email}}])).json()["requestId"])

    async def job(self, number: int) -> dict[str, Any]:
        return dict((await self.post("job/status", requestId=number)).json())

    async def link(self) -> str:
        """Return the link to the file of a finished job."""
        number = await self.start("bob@example.com")
        await anyio.sleep(90)
        return str((await self.job(number))["fileUrl"])


@pytest.fixture
async def account(simulator: Simulator) -> AsyncIterator[Account]:
    transport = httpx.ASGITransport(app=simulator)
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as http:
        yield Account(simulator, http)


@pytest.mark.anyio
@pytest.mark.parametrize("status", [429, 500, 502, 503, 404, 599])
async def test_a_status_fault_processes_nothing(status: int, account: Account) -> None:
    account.simulator.faults = [Fault("status", status=status, path=ADD, at=1)]
    answer = await account.add()
    assert (answer.status_code, answer.json()["success"], "retry-after" in answer.headers) == (status, False, False)
    assert not await account.has_ann()
    assert (await account.add()).status_code == 200
    assert await account.has_ann()


@pytest.mark.anyio
@pytest.mark.parametrize("status", [500, 503])
async def test_a_status_can_come_after_processing(status: int, account: Account) -> None:
    account.simulator.faults = [Fault("status-after", status=status, retry_after=3, path=ADD)]
    answer = await account.add()
    assert (answer.status_code, answer.json()["success"], answer.headers["retry-after"]) == (status, False, "3")
    assert await account.has_ann()


@pytest.mark.anyio
async def test_retry_after_is_seconds_or_a_date(account: Account) -> None:
    faults = [Fault("status", status=429, retry_after=7, at=1)]
    account.simulator.faults = [*faults, Fault("status", status=503, retry_after=timedelta(seconds=5))]
    assert (await account.add()).headers["retry-after"] == "7"
    await anyio.sleep(100.25)
    date = (await account.add()).headers["retry-after"]
    assert date.endswith(" GMT")
    assert parsedate_to_datetime(date).timestamp() == EPOCH + 106, "never earlier than requested"


@pytest.mark.anyio
@pytest.mark.parametrize(("kind", "is_processed"), [("reset-before", False), ("reset-after", True)])
async def test_a_reset_leaves_no_answer(kind: Any, is_processed: bool, account: Account) -> None:
    account.simulator.faults = [Fault(kind, path=ADD)]
    with pytest.raises(ConnectionResetError):
        await account.add()
    assert await account.has_ann() is is_processed


@pytest.mark.anyio
async def test_a_garbled_answer_is_a_page_but_the_request_is_processed(account: Account) -> None:
    account.simulator.faults = [Fault("garbled", path=ADD)]
    answer = await account.add()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html;charset=UTF-8")
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    assert await account.has_ann()


@pytest.mark.anyio
async def test_a_truncated_answer_is_shorter_than_promised(account: Account) -> None:
    account.simulator.faults = [Fault("truncated", path=ADD, at=2)]
    whole = await account.add()
    cut = await account.add()
    assert int(cut.headers["content-length"]) == len(whole.content) == int(whole.headers["content-length"])
    assert cut.content == whole.content[: len(whole.content) // 2]
    assert await account.has_ann()


@pytest.mark.anyio
async def test_a_slow_request_is_processed_and_answered_later(account: Account) -> None:
    account.simulator.faults = [Fault("slow", seconds=30, path=ADD)]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(account.add)
        await anyio.sleep(29.9)
        assert not await account.has_ann()
        await anyio.sleep(0.2)
        assert await account.has_ann()
    assert wall_clock() == pytest.approx(EPOCH + 30.1)


@pytest.mark.anyio
async def test_a_slow_request_is_processed_even_if_the_client_has_gone(account: Account, sm: SalesManago) -> None:
    account.simulator.faults = [Fault("slow", seconds=30, path=ADD)]
    with anyio.move_on_after(10):
        await account.add()
    assert wall_clock() == EPOCH + 10, "a client that gives up need not wait"
    await anyio.sleep(19)
    assert not await account.has_ann()
    await anyio.sleep(100)
    (ann,) = await sm.contacts.get([ANN])
    assert ann.created_on
    assert ann.created_on.timestamp() == EPOCH + 30


@pytest.mark.anyio
async def test_a_slow_request_is_processed_once_whatever_its_clock_does(make_client: MakeClient) -> None:
    times = [EPOCH]
    simulator = Simulator(clock=lambda: times[0], faults=[Fault("slow", seconds=30, path="contact/addNote")])
    async with make_client(simulator) as sm:
        await sm.contacts.upsert(Contact(email=ANN))
        await sm.notes.add("a", email=ANN)  # the clock does not advance
        times[0] += 60
        assert [note.note for note in (await sm.contacts.get([ANN]))[0].contact_notes] == ["a"]


@pytest.mark.anyio
async def test_a_late_request_is_processed_immediately(account: Account) -> None:
    account.simulator.faults = [Fault("late", seconds=30, path=ADD)]
    with anyio.move_on_after(10):
        await account.add()
    assert wall_clock() == EPOCH + 10
    assert await account.has_ann()
    assert (await account.add()).json()["success"] is True
    assert wall_clock() == EPOCH + 40


@pytest.mark.anyio
async def test_a_failing_job_does_nothing_and_reports_it_at_its_end(account: Account) -> None:
    account.simulator.faults = [Fault("failed-job", at=2)]
    numbers = [await account.start(f"{name}@example.com") for name in ("ann", "bob", "cyd")]
    assert (await account.job(numbers[1]))["message"] == ["Job not start yet"]
    await anyio.sleep(90)
    done, failed, also_done = [await account.job(number) for number in numbers]
    assert (failed["success"], bool(failed["message"]), "fileUrl" in failed) == (False, True, False)
    assert "fileUrl" in done
    assert "fileUrl" in also_done
    there = [(await account.post(ASK, email=f"{name}@example.com")).json()["result"] for name in ("ann", "bob", "cyd")]
    assert there == [True, False, True]


@pytest.mark.anyio
async def test_a_refused_request_starts_no_failing_job(account: Account) -> None:
    account.simulator.faults = [Fault("failed-job")]
    refused = await account.post(BATCH, upsertDetails=[])
    assert refused.json()["success"] is False
    assert "upsertDetails" in refused.json()["message"][0]


# Files


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault("expired", at=1), 403), (Fault("status", status=502, path="files", at=1), 502),
     (Fault("status-after", status=500, path="files", at=1), 500)],
)  # fmt: skip
async def test_a_file_can_be_refused(fault: Fault, status: int, account: Account) -> None:
    link = await account.link()
    account.simulator.faults = [fault]
    assert (await account.http.get(link)).status_code == status
    assert (await account.http.get(link)).json()["contactIds"]


@pytest.mark.anyio
@pytest.mark.parametrize("path", [BATCH, "messaging/conversation/data"])
async def test_a_garbled_file_is_neither_json_nor_zip(path: str, account: Account, sm: SalesManago) -> None:
    if path == BATCH:
        number = await account.start(ANN)
    else:
        await account.post(ADD, contact={"email": ANN, "phone": "1"}, forcePhoneOptIn=True)
        sent = await sm.messages.send([Email(ANN)], name="hello", text_content="hi")
        number = (await sm.messages.export(sent.conversation_id or 0)).request_id
    await anyio.sleep(90)
    link = str((await account.job(number))["fileUrl"])
    account.simulator.faults = [Fault("garbled", path="files", at=1)]
    garbled, whole = await account.http.get(link), await account.http.get(link)
    assert garbled.status_code == whole.status_code == 200
    with pytest.raises(ValueError):
        json.loads(garbled.content)
    assert (whole.content[:2] in {b'{"', b"PK"}, garbled.content[:2] in {b'{"', b"PK"}) == (True, False)


@pytest.mark.anyio
async def test_a_truncated_file_stops_in_the_middle(account: Account) -> None:
    link = await account.link()
    account.simulator.faults = [Fault("truncated", path="files", at=1)]
    cut, whole = await account.http.get(link), await account.http.get(link)
    assert cut.content == whole.content[: len(whole.content) // 2]
    assert cut.headers["content-length"] == whole.headers["content-length"]


@pytest.mark.anyio
async def test_a_slow_file_is_read_after_its_delay(account: Account) -> None:
    link = await account.link()
    account.simulator.faults = [Fault("slow", seconds=200, path="files"), Fault("reset-before", path=ADD)]
    assert (await account.http.get(link)).status_code == 200
    assert (await account.http.get(link)).status_code == 403, "the link has expired meanwhile"


@pytest.mark.anyio
async def test_a_file_can_end_with_a_reset(account: Account) -> None:
    link = await account.link()
    account.simulator.faults = [Fault("reset-after", path="files", at=1)]
    with pytest.raises(ConnectionResetError):
        await account.http.get(link)
    assert (await account.http.get(link)).status_code == 200


# Through the client


@pytest.mark.anyio
async def test_a_run_completes_despite_faults(sm: SalesManago, simulator: Simulator) -> None:
    simulator.faults = [
        Fault("status", status=429, path=BATCH, retry_after=7, at=1),
        Fault("garbled", path=BATCH, at=2),
        Fault("status", status=503, path="job/status", at=1),
        Fault("expired", at=1),
    ]
    report = await sm.contacts.upsert_many({"email": f"c{number}@example.com"} for number in range(20))
    assert (report.read, report.accepted, report.retries >= 2) == (20, 20, True)
    assert wall_clock() >= EPOCH + 97
