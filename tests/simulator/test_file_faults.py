"""The effects of faults on files, in process, byte by byte."""

import json
from collections.abc import AsyncIterator, Mapping
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import anyio
import httpx
import pytest

from salesmanago_async import Contact, Email, Job, SalesManago, Tag
from salesmanago_async.simulator import Fault, Simulator

pytestmark = pytest.mark.anyio

INVERTED = bytes(byte ^ 0xFF for byte in range(256))


class Host:
    """Finished jobs, their links, and a plain HTTP client for these."""

    def __init__(self, simulator: Simulator, http: httpx.AsyncClient, jobs: Mapping[str, Job[Any]]) -> None:
        self.simulator = simulator
        self.jobs = jobs
        self._http = http

    async def link(self, kind: str = "json") -> str:
        return await self.jobs[kind].file_url()

    async def get(self, link: str, *, part: str | None = None, etag: str | None = None) -> httpx.Response:
        asked = {"Range": f"bytes={part}" if part else None, "If-Range": etag}
        return await self._http.get(link, headers={name: text for name, text in asked.items() if text})

    async def meet(self, fault: Fault, kind: str = "json", **asked: Any) -> tuple[httpx.Response, httpx.Response]:
        """Return the answers to the same request with the fault and without it."""
        link = await self.link(kind)
        self.simulator.faults = [fault]
        met = await self.get(link, **asked)
        self.simulator.faults = []
        return met, await self.get(await self.link(kind), **asked)


@pytest.fixture
async def host(simulator: Simulator, sm: SalesManago) -> AsyncIterator[Host]:
    for name in "abcde":
        willing = Contact(email=f"{name}@example.com", phone="1", tags=["ALL"], force_phone_opt_in=True)
        await sm.contacts.upsert(willing)
    sent = await sm.messages.send([Tag("ALL")], name="hello", text_content="hi")
    jobs: dict[str, Job[Any]] = {
        "json": await sm.contacts.export([Tag("ALL")], ["CONTACT", "TAG"]),
        "zip": await sm.messages.export(sent.conversation_id or 0),
    }
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=simulator)) as http:
        for job in jobs.values():
            await job.file_url()
        yield Host(simulator, http, jobs)


def records(answer: httpx.Response) -> list[Any]:
    if not answer.content.startswith(b"PK"):
        return list(answer.json())
    with ZipFile(BytesIO(answer.content)) as archive:
        return [record for name in archive.namelist() for record in json.loads(archive.read(name))]


FILES = pytest.mark.parametrize("kind", ["json", "zip"])


@FILES
@pytest.mark.parametrize("after", [0, 1, 100, 10**6])
async def test_a_truncated_file_promises_all_and_ends_after_the_given_bytes(host: Host, kind: str, after: int) -> None:
    cut, whole = await host.meet(Fault("truncated", after=after), kind)
    assert cut.content == whole.content[:after]
    assert cut.headers["content-length"] == whole.headers["content-length"] == str(len(whole.content))


async def test_a_part_is_truncated_too(host: Host) -> None:
    cut, whole = await host.meet(Fault("truncated", after=7), part="20-")
    assert (cut.status_code, whole.status_code) == (206, 206)
    assert cut.content == whole.content[:7]


async def test_an_answer_is_truncated_or_garbled_after_the_given_bytes(host: Host) -> None:
    path = "http://simulator/api/contact/upsert"
    whole = await host.get(path)
    host.simulator.faults = [Fault("truncated", after=7, at=1), Fault("garbled", after=7, at=2)]
    cut, garbled = await host.get(path), await host.get(path)
    assert cut.content == whole.content[:7]
    assert garbled.content == whole.content[:7] + whole.content[7:].translate(INVERTED)


@FILES
@pytest.mark.parametrize("after", [0, 1, 100, 10**6])
async def test_a_file_is_garbled_from_a_byte_on(host: Host, kind: str, after: int) -> None:
    garbled, whole = await host.meet(Fault("garbled", after=after), kind)
    assert garbled.status_code == 200
    assert garbled.content == whole.content[:after] + whole.content[after:].translate(INVERTED)


@pytest.mark.parametrize("after", [0, 100])
async def test_a_reset_in_the_middle_ends_the_answer(host: Host, after: int) -> None:
    link = await host.link()
    host.simulator.faults = [Fault("reset-after", path="files", after=after)]
    with pytest.raises(ConnectionResetError):
        await host.get(link)


@pytest.mark.parametrize("after", [0, 100])
async def test_a_link_that_expires_midway_stays_dead_and_a_fresh_one_works(host: Host, after: int) -> None:
    link, other = await host.link(), await host.link()
    whole = await host.get(other)
    host.simulator.faults = [Fault("expired", after=after, at=1)]
    cut = await host.get(link)
    assert (cut.status_code, cut.content) == (200, whole.content[:after])
    assert cut.headers["content-length"] == str(len(whole.content))
    assert [(await host.get(link)).status_code for _ in range(2)] == [403, 403]
    assert (await host.get(other)).content == (await host.get(await host.link())).content == whole.content


async def test_a_dead_link_gets_a_complete_refusal(host: Host) -> None:
    link = await host.link()
    host.simulator.faults = [Fault("expired", after=1)]
    await host.get(link)
    again = await host.get(link)
    assert (again.status_code, again.json()["success"]) == (403, False)


@pytest.mark.parametrize("by", [1, -1, 1000, -(10**6)])
async def test_a_wrong_length_differs_by_the_given_bytes(host: Host, by: int) -> None:
    wrong, whole = await host.meet(Fault("wrong-length", by=by))
    assert wrong.content == whole.content
    assert int(wrong.headers["content-length"]) == max(0, len(whole.content) + by)


async def test_a_trickle_waits_before_every_kilobyte(host: Host) -> None:
    link = await host.link()
    began = anyio.current_time()
    whole = await host.get(link)
    assert anyio.current_time() == began
    assert len(whole.content) > 2048
    host.simulator.faults = [Fault("trickle", seconds=5)]
    slow = await host.get(link)
    assert slow.content == whole.content
    assert anyio.current_time() - began == 5 * -(-len(whole.content) // 1024)


async def test_files_are_sent_in_small_pieces(sm: SalesManago, simulator: Simulator) -> None:
    contacts = [{"email": f"c{number}@example.com", "tags": ["ALL"]} for number in range(1000)]
    await sm.contacts.upsert_many(contacts)
    link = await (await sm.contacts.export([Tag("ALL")])).file_url()
    sizes: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sizes.append(len(message.get("body", b"")))

    path = httpx.URL(link).path
    await simulator({"type": "http", "method": "GET", "path": path, "headers": []}, receive, send)
    assert (len(sizes) > 4, max(sizes)) == (True, 65536)


# Another file


@FILES
async def test_a_reordered_file_is_another_version_of_the_same_records(host: Host, kind: str) -> None:
    other, whole = await host.meet(Fault("other-file", how="reordered"), kind)
    assert records(other) == records(whole)[::-1]
    assert other.content != whole.content
    assert other.headers["etag"] != whole.headers["etag"]
    assert other.headers["content-type"] == whole.headers["content-type"]
    if kind == "json":
        assert len(other.content) == len(whole.content), "its length does not show the difference"


async def test_the_fields_of_a_single_record_are_reordered(host: Host, sm: SalesManago) -> None:
    job = await sm.contacts.export([Email("a@example.com")], ["CONTACT"])
    await job.file_url()
    host.simulator.faults = [Fault("other-file", how="reordered", at=2)]
    link = await job.file_url()
    whole, other = await host.get(link), await host.get(link)
    assert whole.json() == other.json()
    assert whole.content != other.content


@FILES
async def test_an_etag_gives_no_part_of_another_version(host: Host, kind: str) -> None:
    etag = (await host.get(await host.link(kind))).headers["etag"]
    other, part = await host.meet(Fault("other-file", how="reordered"), kind, part="20-29", etag=etag)
    assert (part.status_code, other.status_code) == (206, 200)
    again, _ = await host.meet(Fault("other-file", how="reordered"), kind, part="20-29", etag=other.headers["etag"])
    assert (again.status_code, again.content) == (206, other.content[20:30])


async def test_a_page_replaces_the_file_with_status_200(host: Host) -> None:
    page, _ = await host.meet(Fault("other-file", how="page"), part="20-29")
    assert (page.status_code, page.content[:6]) == (200, b"<html>")
    assert page.headers["content-type"] == "text/html;charset=UTF-8"
    assert not {"etag", "accept-ranges", "content-range"} & set(page.headers)


async def test_a_dead_link_stays_dead_with_other_faults(host: Host) -> None:
    link = await host.link()
    await anyio.sleep(300)
    host.simulator.faults = [Fault("other-file", how="page")]
    assert (await host.get(link)).status_code == 403


@pytest.mark.ci
@FILES
async def test_a_bomb_is_small_and_unpacks_to_much(host: Host, kind: str) -> None:
    bomb, _ = await host.meet(Fault("other-file", how="bomb"), kind)
    assert len(bomb.content) < 150_000
    assert bomb.headers["content-type"] == "application/zip"
    with ZipFile(BytesIO(bomb.content)) as archive:
        assert sum(member.file_size for member in archive.infolist()) > 128 * 1024**2
        with archive.open(archive.namelist()[0]) as part:
            assert part.read(3) == b"[  "


@FILES
async def test_a_name_that_leads_outside_has_the_same_records(host: Host, kind: str) -> None:
    outside, whole = await host.meet(Fault("other-file", how="outside"), kind)
    with ZipFile(BytesIO(outside.content)) as archive:
        assert archive.namelist() == ["../../x"]
    assert records(outside) == records(whole)


async def test_a_date_does_not_identify_a_version(host: Host) -> None:
    other, whole = await host.meet(Fault("other-file", how="reordered"))
    made = [parsedate_to_datetime(answer.headers["last-modified"]) for answer in (other, whole)]
    assert made[0] == made[1]


# Wrong parts

HOWS = ["ignored", "start", "total", "version"]


async def test_a_range_can_be_ignored(host: Host) -> None:
    ignored, part = await host.meet(Fault("wrong-range", how="ignored"), part="20-29")
    assert (part.status_code, ignored.status_code) == (206, 200)
    assert ignored.content[20:30] == part.content
    assert ignored.headers["etag"] == part.headers["etag"]
    assert not {"accept-ranges", "content-range"} & set(ignored.headers)


async def test_a_part_can_begin_too_early(host: Host) -> None:
    wrong, part = await host.meet(Fault("wrong-range", how="start"), part="20-29")
    length = part.headers["content-range"].partition("/")[2]
    assert wrong.headers["content-range"] == f"bytes 19-29/{length}"
    assert (wrong.content[1:], len(wrong.content)) == (part.content, 11)


async def test_a_part_can_claim_to_be_of_a_longer_file(host: Host) -> None:
    wrong, part = await host.meet(Fault("wrong-range", how="total"), part="20-29")
    span, _, length = part.headers["content-range"].partition("/")
    assert wrong.headers["content-range"] == f"{span}/{int(length) + 1}"
    assert wrong.content == part.content


@FILES
async def test_a_part_can_be_of_another_version(host: Host, kind: str) -> None:
    etag = (await host.get(await host.link(kind))).headers["etag"]
    other, _ = await host.meet(Fault("other-file", how="reordered"), kind)
    wrong, part = await host.meet(Fault("wrong-range", how="version"), kind, part="20-29", etag=etag)
    assert wrong.status_code == 206
    assert wrong.content == other.content[20:30]
    assert wrong.headers["etag"] == other.headers["etag"] != part.headers["etag"]


@pytest.mark.parametrize("how", HOWS)
async def test_a_request_for_the_whole_file_gets_it(host: Host, how: str) -> None:
    met, whole = await host.meet(Fault("wrong-range", how=how))
    assert (met.status_code, met.content) == (200, whole.content)
    assert met.headers["etag"] == whole.headers["etag"]


@pytest.mark.parametrize("how", ["start", "total", "version"])
async def test_a_range_beyond_the_file_is_still_refused(host: Host, how: str) -> None:
    met, _ = await host.meet(Fault("wrong-range", how=how), part="1000000-")
    assert met.status_code == 416


@pytest.mark.parametrize("how", HOWS)
async def test_the_beginning_can_be_requested_too(host: Host, how: str) -> None:
    met, part = await host.meet(Fault("wrong-range", how=how), part="0-9")
    assert met.status_code == (200 if how == "ignored" else 206)
    assert how == "version" or met.content[:10] == part.content
