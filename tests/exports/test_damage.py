"""A damaged character affects only itself: it is replaced, counted, and its record is named."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async import SalesManago, Unreadable
from salesmanago_async.exports.damage import MOST_POSITIONS, Damage, DamageCounter
from salesmanago_async.exports.records import ArrayReader
from salesmanago_async.exports.shapes import Listed
from salesmanago_async.exports.sinks import Saved
from salesmanago_async.jobs import Job
from tests.conftest import examples
from tests.exports.hosts import Connect, Host, Hosts
from tests.exports.test_contents import archive_of

pytestmark = pytest.mark.anyio

DAMAGED: dict[bytes, str] = {
    b"\xff": "\ufffd",
    b"\xb3": "\ufffd",  # ł of ISO 8859-2
    b"\xed\xa0\xbd\xed\xb8\x80": "\ufffd",  # an emoji of CESU-8
    b"\xed\xa0\xbd": "\ufffd",
    b"\xe2\x82": "\ufffd",
    b"\xf0\x9f\x98": "\ufffd",
    b"\t": "\t",
    b"\n": "\n",
    b"\x00": "\x00",
}
WHOLE: dict[bytes, str] = {
    b"x": "x",
    "ł😀".encode(): "ł😀",
    "\ufffd".encode(): "\ufffd",
    b"\\ud83d": "\ud83d",
    b"\\t": "\t",
    b"},{": "},{",
    b"NaN": "NaN",
    b'\\"': '"',
}
ANY = {**DAMAGED, **WHOLE}


def read(pieces: Sequence[bytes], *, batch_bytes: int = 64, inside: str | None = None) -> tuple[list[Any], Damage]:
    counter = DamageCounter()
    reader = ArrayReader(batch_bytes=batch_bytes, inside=inside, damage=counter)
    found = [record for piece in pieces for record in reader.feed(piece)]
    found += reader.close()
    return found, counter.damage


def read_strictly(pieces: Sequence[bytes], *, batch_bytes: int = 64) -> list[Any]:
    reader = ArrayReader(batch_bytes=batch_bytes)
    return [record for piece in pieces for record in reader.feed(piece)] + reader.close()


@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_damage_anywhere_is_replaced_counted_and_named(data: st.DataObject) -> None:
    parts = data.draw(st.lists(st.lists(st.sampled_from(list(ANY)), max_size=4), max_size=20))
    spaced = data.draw(st.booleans())
    records = [b'{"n":%d,"t":"%b"}' % (number, b"x".join(texts)) for number, texts in enumerate(parts)]
    document = b"[" + (b" ,\n " if spaced else b",").join(records) + b"]"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(document)), max_size=10)))
    pieces = [document[start:end] for start, end in zip([0, *cuts], [*cuts, len(document)], strict=True)]
    expected = [{"n": number, "t": "x".join(ANY[text] for text in texts)} for number, texts in enumerate(parts)]
    counts = [sum(text in DAMAGED for text in texts) for texts in parts]

    found, damage = read(pieces, batch_bytes=data.draw(st.sampled_from([1, 16, 1024])))

    assert found == expected
    assert damage == Damage(sum(counts), tuple(number for number, count in enumerate(counts) if count))
    if damage:
        with pytest.raises(Unreadable):
            read_strictly(pieces)


@pytest.mark.parametrize("inside", [None, "contacts"])
def test_a_file_that_is_an_object_is_repaired_too(inside: str | None) -> None:
    document = b'{"success":true,"contacts":[{"n":"a"},{"n":"b\xff"},{"n":"c"},{"n":"d\t\xff"}],"note":"\xffx"}'
    for pieces in ([document], [document[at : at + 5] for at in range(0, len(document), 5)]):
        found, damage = read(pieces, batch_bytes=8, inside=inside)
        assert damage.count == 4
        if inside:
            assert found == [{"n": "a"}, {"n": "b\ufffd"}, {"n": "c"}, {"n": "d\t\ufffd"}]
            assert damage.positions[0] == 1
        else:
            assert found[0]["note"] == "\ufffdx"
            assert damage.positions == (0,)


def test_an_invalid_number_is_none_and_counted() -> None:
    assert read([b'[{"a":NaN},{"a":1},{"a":-Infinity}]']) == ([{"a": None}, {"a": 1}, {"a": None}], Damage(2, (0, 2)))


def test_the_damage_of_a_record_larger_than_a_megabyte_is_counted() -> None:
    large = b'{"t":"' + b"x" * 2_000_000 + b'\xff"}'
    pieces = [b'[{"t":"a"},', large, b',{"t":"b\xff"},', large, b"]"]
    document = b"".join(pieces)
    split = [document[at : at + 65536] for at in range(0, len(document), 65536)]
    found, damage = read(split, batch_bytes=65536)
    assert [len(record["t"]) for record in found] == [1, 2_000_001, 2, 2_000_001]
    assert damage == Damage(3, (1, 2, 3))


@pytest.mark.parametrize(
    "document",
    [
        b'[{"a":"\xff"},{"b":2}',
        b'[{"a":"\xff"},{"b":2},]',
        b'[{"a":"\xff"},{"b":"c',
        b'[{"a":"\xff"},,{"b":2}]',
        b'[{"a":1},\xff{"b":2}]',
        b'[{"a":1}\x00,{"b":2}]',
        b'[{"a\xff":1},{"b":2}]]',
        b'\xff[{"a":1}]',
        b'[{"a":"\xff"},oops]',
    ],
)
@pytest.mark.parametrize("batch_bytes", [1, 1024])
def test_cut_or_invalid_json_stays_an_error(document: bytes, batch_bytes: int) -> None:
    for pieces in ([document], [document[at : at + 1] for at in range(len(document))]):
        with pytest.raises(Unreadable):
            read(pieces, batch_bytes=batch_bytes)


def test_a_damaged_field_name_is_repaired_too() -> None:
    assert read([b'[{"a\xff":1},{"b":2}]']) == ([{"a\ufffd": 1}, {"b": 2}], Damage(1, (0,)))


def test_the_first_hundred_damaged_records_are_named_and_all_characters_counted() -> None:
    document = json.dumps([{"t": "?"}] * 1000, separators=(",", ":")).encode().replace(b"?", b"\xff\xff")
    _, damage = read([document])
    assert damage == Damage(2000, tuple(range(MOST_POSITIONS)))


def test_damage_is_described_in_words() -> None:
    assert str(Damage(3, (16, 20))) == "3 damaged characters were replaced, the first in record 17"
    assert str(Damage(1, (0,))) == "1 damaged character was replaced, the first in record 1"
    assert not Damage()


# Jobs


CONTACT = b'{"%d":{"contactData":{"contactId":"%d","email":"a%d@example.com","name":"%b"}}}'
RECORDS = [CONTACT % (n, n, n, b"Ann \xff" if n == 16 else b"Ann\tK\x00" if n == 18 else b"Ann") for n in range(20)]
DOCUMENT = b"[" + b",".join(RECORDS) + b"]"
ARCHIVE = archive_of(b"[" + b",".join(RECORDS[:10]) + b"]", b"[]", b"[" + b",".join(RECORDS[10:]) + b"]")
FOUND = Damage(3, (16, 18))


@pytest.mark.parametrize("content", [DOCUMENT, ARCHIVE], ids=["an array", "an archive"])
async def test_the_records_of_a_job_come_with_a_count_of_damage(
    connect: Connect, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(Hosts([Host(content=content, piece=100)])) as sm:
        async with sm.jobs.attach(1).records() as records:
            assert not records.damaged
            names = [next(iter(record.values()))["contactData"]["name"] async for record in records]
        assert records.damaged == FOUND
    assert names == ["Ann"] * 16 + ["Ann \ufffd", "Ann", "Ann\tK\x00", "Ann"]
    assert [(entry.name, entry.levelno) for entry in caplog.records if "damaged" in entry.getMessage()] == [
        ("salesmanago_async.jobs", logging.WARNING)
    ]


@pytest.mark.parametrize("content", [DOCUMENT, ARCHIVE], ids=["an array", "an archive"])
async def test_a_strict_reader_raises_at_damage_after_earlier_records(connect: Connect, content: bytes) -> None:
    got: list[Any] = []
    async with connect(Hosts([Host(content=content)])) as sm:
        with pytest.raises(Unreadable):
            await _take_strictly(sm, got)
    assert len(got) <= 16


async def _take_strictly(sm: SalesManago, got: list[Any]) -> None:
    async with sm.jobs.attach(1).records(strict=True) as records:
        async for record in records:
            got.append(record)  # noqa: PERF401 - what came before the error is kept


@pytest.mark.parametrize("name", ["contacts.json", "contacts.jsonl", "contacts.csv", "contacts.parquet"])
async def test_a_save_includes_damaged_records_and_reports_them(connect: Connect, tmp_path: Path, name: str) -> None:
    progress: list[Saved] = []
    content = DOCUMENT.replace(b"\x00", b"")  # a CSV file cannot hold NUL
    async with connect(Hosts([Host(content=content, piece=1000)])) as sm:
        assert await sm.jobs.attach(1).save(tmp_path / name, on_progress=progress.append) == 20
        with pytest.raises(Unreadable):
            await sm.jobs.attach(1).save(tmp_path / f"strict-{name}", strict=True)
    assert progress[-1].damaged == Damage(2, (16, 18))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert "Ann \ufffd".encode() in (tmp_path / name).read_bytes()


async def test_the_shape_of_a_file_reads_repaired_records(connect: Connect) -> None:
    shape = Listed("contacts", lambda record: record["n"])
    content = b'{"success":true,"contacts":[{"n":"a"},{"n":"b\xff"}]}'
    async with connect(Hosts([Host(content=content)])) as sm:
        async with Job(sm._connection, 1, shape).records() as records:
            assert [record async for record in records] == ["a", "b\ufffd"]
        assert records.damaged == Damage(1, (1,))


class Pages(httpx.AsyncBaseTransport):
    """Three pages of contacts, the second with damage, and then an empty page."""

    FILES = (
        b'{"contacts":[{"id":"1","name":"Ann"},{"id":"2","name":"Bob"}]}',
        b'{"contacts":[{"id":"3","name":"Cyd"},{"id":"4","name":"D\xff\xff"}]}',
        b'{"contacts":[{"id":"5","name":"E\xff"}]}',
    )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        number = request.url.path.rsplit("/", 1)[1]
        if request.method == "GET":
            page = int(number)
            content = self.FILES[page - 1] if page <= len(self.FILES) else b'{"contacts":[]}'
            return httpx.Response(200, content=content)
        body = json.loads(await request.aread())
        if number == "status":
            return httpx.Response(200, json={"success": True, "fileUrl": f"https://x.example/{body['requestId']}"})
        return httpx.Response(200, json={"success": True, "requestId": body["page"]})


async def test_the_pages_of_all_contacts_count_their_damage_together(make_client: Any) -> None:
    async with make_client(None, transport=Pages()) as sm:
        async with sm.contacts.export_all() as contacts:
            names = [contact.name async for contact in contacts]
        assert contacts.damaged == Damage(3, (3, 4))
        assert names == ["Ann", "Bob", "Cyd", "D\ufffd\ufffd", "E\ufffd"]
        with pytest.raises(Unreadable):
            async with sm.contacts.export_all(strict=True) as contacts:
                assert [contact.name async for contact in contacts] == ["Ann", "Bob", "Cyd"]


# Empty parts


@pytest.mark.parametrize("documents", [[b""], [b'[{"n":1}]', b""], [b"", b'[{"n":1}]'], [b" \n"]])
async def test_a_part_without_content_is_an_error_that_names_it(connect: Connect, documents: list[bytes]) -> None:
    number = next(number for number, document in enumerate(documents) if not document.strip())
    async with connect(Hosts([Host(content=archive_of(*documents))])) as sm:
        with pytest.raises(Unreadable, match=rf"part 'part-{number}\.json' of the archive.*empty"):
            async with sm.jobs.attach(1).records() as records:
                _ = [record async for record in records]
