"""The first bytes of a file show whether it is JSON or an archive."""

import json
from contextlib import aclosing
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import httpx
import pytest

from salesmanago_async import SalesManago, Unreadable
from salesmanago_async.exports import contents
from salesmanago_async.exports.files import open_file
from salesmanago_async.exports.shapes import Listed, as_it_is
from salesmanago_async.jobs import Job
from tests.exports.hosts import Body, Connect, Host, Hosts, read, small_blocks

pytestmark = pytest.mark.anyio

RECORDS: list[Any] = [{"n": n, "text": "ł},{"} for n in range(50)]
DOCUMENT = json.dumps(RECORDS).encode()


def archive_of(*documents: bytes) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for number, document in enumerate(documents):
            archive.writestr(f"part-{number}.json", document)
    return buffer.getvalue()


FILES: dict[str, tuple[bytes, list[Any]]] = {
    "an array": (DOCUMENT, RECORDS),
    "an array of nothing": (b"[]", []),
    "an object": (b'{"n":1}', [{"n": 1}]),
    "an array after spaces": (b" \n " + DOCUMENT, RECORDS),
    "an archive": (archive_of(DOCUMENT), RECORDS),
    "an archive of several": (archive_of(DOCUMENT, b"[]", DOCUMENT), RECORDS * 2),
    "an archive of nothing": (archive_of(), []),
}


@pytest.mark.sampled
@pytest.mark.parametrize("block", [50, 1 << 20])
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("piece", [1, 1000])
async def test_records_are_read_from_json_and_from_archives(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, name: str, piece: int, block: int
) -> None:
    small_blocks(monkeypatch, block)
    content, expected = FILES[name]
    async with connect(Hosts([Host(content=content, piece=piece)])) as sm:
        assert await read(sm) == expected


@pytest.mark.sampled
@pytest.mark.parametrize("name", FILES)
async def test_a_broken_download_yields_the_same_records(connect: Connect, name: str) -> None:
    content, expected = FILES[name]
    for at in range(0, len(content), 1 + len(content) // 20):
        async with connect(Hosts([Host(content=content, breaks=at), Host(content=content)])) as sm:
            assert await read(sm) == expected


@pytest.mark.sampled
@pytest.mark.parametrize("name", [name for name in FILES if name != "an array of nothing"])
async def test_a_file_cut_anywhere_without_a_sign_is_an_error(connect: Connect, name: str) -> None:
    """The host closes the connection as at the end of the file: only the file itself shows that it is incomplete."""
    content, expected = FILES[name]
    for at in range(0, len(content), 1 + len(content) // 60):
        hosts = Hosts([Host(content=content[:at], promises=False, etag=None)])
        got: list[Any] = []
        async with connect(hosts) as sm:
            with pytest.raises(Unreadable):
                await _take(sm, got)
        assert got == expected[: len(got)]


async def _take(sm: SalesManago, got: list[Any]) -> None:
    async with sm.jobs.attach(1).records() as records:
        async for record in records:
            got.append(record)  # noqa: PERF401 - what came before the error is kept


@pytest.mark.parametrize(
    "content", [b"", b"P", b"PK", b"PK\x03", b"<html>Sign in</html>", b"PK\x03\x04", b"PK\x07\x08x"]
)
async def test_other_content_is_unreadable(connect: Connect, content: bytes) -> None:
    async with connect(Hosts([Host(content=content)])) as sm:
        with pytest.raises(Unreadable):
            await read(sm)


async def test_records_come_in_batches_unchanged(connect: Connect) -> None:
    async with (
        connect(Hosts([Host(content=DOCUMENT)])) as sm,
        open_file(sm._connection, sm.jobs.attach(1).file_url) as file,
        aclosing(contents.batches(file, as_it_is)) as batches,
    ):
        assert [record async for batch in batches for record in batch] == RECORDS


@pytest.mark.parametrize("content", [DOCUMENT, archive_of(DOCUMENT)], ids=["an array", "an archive"])
async def test_leaving_early_leaves_nothing_open(connect: Connect, content: bytes) -> None:
    body = Body([content])
    sm = connect(Hosts([lambda _: httpx.Response(200, stream=body)]))
    async with sm.jobs.attach(1).records() as records:
        assert await anext(aiter(records)) == RECORDS[0]
    assert body.closed
    await sm.aclose()


async def test_records_may_be_in_a_list_inside_an_object(connect: Connect) -> None:
    shape = Listed("contacts", lambda record: record["n"])
    async with connect(Hosts([Host(content=b'{"success":true,"contacts":' + DOCUMENT + b"}")])) as sm:
        job = Job(sm._connection, 1, shape)
        async with job.records() as numbers:
            assert [number async for number in numbers] == list(range(50))
        async with job.records(raw=True) as records:
            assert [record async for record in records] == RECORDS
