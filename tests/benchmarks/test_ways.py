"""The ways that are compared do the same work, or else their ratio says nothing."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import orjson
import pytest

from benchmarks import floors, ours, written
from benchmarks.alone import alone, cpu_alone, peak_megabytes
from benchmarks.certificate import trusted_certificate
from benchmarks.export_files import contact_batches, write_array
from benchmarks.optional import installed
from benchmarks.peers import checked, export_structs, sending
from benchmarks.records import address_of, contact_row, contact_rows, in_thousands, write_csv
from benchmarks.row import FLOOR, OURS, Row
from benchmarks.rows import frames, runs, small_calls
from benchmarks.rows.encoding import check_same, contact_of
from benchmarks.rows.exports import look_at_all, read_all
from benchmarks.sink import Account, sink
from benchmarks.skipping import run_skipping
from tests.benchmarks.counting import first_count


def test_all_make_the_same_bodies_of_mappings() -> None:
    rows = list(contact_rows(1_003))
    check_same(
        ours.bodies_of(rows),
        ours.bodies_of(map(contact_of, rows)),
        floors.bodies_of(rows),
        floors.bodies_of(rows, floors.sparse_entry_of),
        written.bodies_of(rows),
    )


def test_all_make_the_same_bodies_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "contacts.csv"
    write_csv(path, 1_003)
    check_same(
        ours.bodies_of(path),
        floors.bodies_of_csv(path),
        written.bodies_of_csv(path),
        floors.bodies_of(contact_rows(1_003)),
    )


def test_a_difference_is_found() -> None:
    with pytest.raises(RuntimeError, match="same"):
        check_same(floors.bodies_of(contact_rows(2)), floors.bodies_of(contact_rows(3)))


def test_where_columns_may_be_empty_they_are_left_out() -> None:
    row = {**dict.fromkeys(contact_row(0), ""), "email": "ann@example.com", "city": "Kraków"}
    assert floors.sparse_entry_of(row) == {"contact": {"email": "ann@example.com", "address": {"city": "Kraków"}}}


def test_thousands_are_as_many_as_a_request_takes() -> None:
    assert [len(thousand) for thousand in in_thousands(contact_rows(2_001))] == [1000, 1000, 1]


def test_the_result_of_a_job_names_the_contacts_it_was_given() -> None:
    account = Account("http://sink")
    body = floors.body_of([floors.entry_of(contact_row(index)) for index in (3, 8)])
    started = orjson.loads(account.answer(b"/api/contact/batchupsertv2", body))
    asked = orjson.dumps({"requestId": started["requestId"]})
    link = orjson.loads(account.answer(b"/api/job/status", asked))["fileUrl"]
    result = orjson.loads(account.answer(link.removeprefix("http://sink").encode(), b""))
    assert list(result["contactIds"]) == [address_of(3), address_of(8)]


def test_by_hand_and_as_people_do_all_contacts_are_confirmed() -> None:
    with sink() as address:
        assert asyncio.run(floors.upsert_all(address, 2_500, in_flight=4)) == 2_500
        assert asyncio.run(written.upsert_with_semaphore(address, 2_500, in_flight=2)) == 2_500
        assert asyncio.run(written.upsert_with_gather(address, 2_500)) == 2_500


@pytest.mark.ci
@pytest.mark.parametrize("codec", ["unchecked", "checked"])
def test_careful_code_has_all_contacts_confirmed(codec: sending.Codec) -> None:
    with sink() as address:
        assert asyncio.run(sending.upsert_all(address, 2_500, in_flight=2, client="aiohttp", codec=codec)) == 2_500
        assert asyncio.run(sending.upsert_singly(address, 20, in_flight=5, client="httpx")) == 20


def test_careful_code_that_checks_makes_the_same_bodies() -> None:
    rows = list(contact_rows(1_003))
    check_same(map(checked.write_contacts, in_thousands(iter(rows))), floors.bodies_of(rows))


@pytest.mark.parametrize("wrong", [{"email": "nobody"}, {"name": "x" * 256}, {"tags": [7]}, {"properties.size": None}])
def test_careful_code_that_checks_refuses_what_is_wrong(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        checked.write_contacts([{**contact_row(0), **wrong}])


@pytest.mark.ci
def test_the_batches_of_an_export_are_the_file_and_hold_the_same_in_structs(tmp_path: Path) -> None:
    path, batches = tmp_path / "contacts.json", list(contact_batches(400))
    write_array(path, batches)
    records = [record for batch in batches for record in orjson.loads(batch)]
    assert orjson.loads(path.read_bytes()) == records
    structs = [record for batch in batches for record in export_structs.decode(batch)]
    assert len(batches) == 3
    assert orjson.loads(msgspec.json.encode(structs)) == records
    read_all(path, look_at_all, 400)


@pytest.mark.ci
def test_a_server_over_tls_is_verified() -> None:
    before = os.environ.get("SSL_CERT_FILE")
    with trusted_certificate() as certificate, sink(certificate=certificate) as address:
        assert address.startswith("https://")
        assert asyncio.run(ours.run(address, 2_000, in_flight=2)) == 2_000
        with trusted_certificate(), pytest.raises(httpx.ConnectError, match="certificate"):
            asyncio.run(sending.upsert_singly(address, 1, in_flight=1, client="httpx"))
    assert os.environ.get("SSL_CERT_FILE") == before


def test_idleness_is_skipped_and_the_clock_goes_on() -> None:
    async def wait() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(1800))
        return loop.time() - began

    began = time.monotonic()
    assert run_skipping(wait()) == pytest.approx(3600, abs=60)
    assert time.monotonic() - began < 60


@pytest.mark.ci
def test_a_function_in_a_process_of_its_own_tells_its_own_peak() -> None:
    ballast = bytearray(b"x" * 200_000_000)
    found = alone(written.payload_of, [])
    assert found.value["upsertDetails"] == []
    assert found.megabytes < 150 < peak_megabytes()
    del ballast


@pytest.mark.ci
def test_a_way_in_a_process_of_its_own_warms_up_and_counts_what_arrives() -> None:
    assert cpu_alone(first_count, "http://nowhere", 3, few=3)() >= 0
    with pytest.raises(RuntimeError, match="3 of 5 records arrived"):
        cpu_alone(first_count, "http://nowhere", 5, few=3)()


@pytest.mark.parametrize("row", [*frames.ROWS, *runs.ROWS, *small_calls.ROWS], ids=lambda row: row.name)
def test_a_row_is_made_without_the_packages_that_it_needs(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (frames, runs, small_calls):
        monkeypatch.setattr(module, "installed", lambda _: None)
    with row.ways(10) as ways:
        there = {name for name, way in ways.items() if way}
    need_nothing = {OURS, FLOOR, runs.SEMAPHORE, "httpx + gather + cattrs", runs.WITHOUT_JOURNAL, runs.PLAIN}
    assert there <= need_nothing


def test_a_package_that_is_missing_is_none() -> None:
    assert installed("orjson") is orjson
    assert installed("there_is_no_such_package") is None
