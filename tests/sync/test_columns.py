"""A sync warns, before it sends, of columns that the last one had not, or had; nothing is refused for that."""

import logging
from pathlib import Path
from zlib import crc32

import orjson
import polars
import pytest
from attrs import evolve

from salesmanago_async.sync.columns import ADDED, MISSING, OTHERS, changes_of, fingerprint
from salesmanago_async.sync.header import SIZE, Header, StateOf
from salesmanago_async.sync.known import Known
from salesmanago_async.sync.report import SyncReport
from tests.sync.nights import Account

pytestmark = pytest.mark.anyio

OF = StateOf(account={"host": "h"}, key="email", has_names=False, settings={"tags": []})


@pytest.fixture
def account() -> Account:
    """An account without contacts."""
    return Account()


def night(path: Path, header: str, *rows: str) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def as_before_columns(line: bytes) -> bytes:
    """The header of a state as versions without columns wrote it."""
    values = orjson.loads(line)
    del values["own_checksum"], values["columns"]
    return orjson.dumps({**values, "own_checksum": crc32(orjson.dumps(values))}).ljust(SIZE - 1) + b"\n"


def warned(report: SyncReport) -> list[tuple[str, str]]:
    return [(warning.column, warning.text) for warning in report.warnings]


async def test_columns_that_are_renamed_or_gone_are_named_before_anything_is_sent(
    account: Account, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, state = tmp_path / "people.csv", tmp_path / "people.db"
    first = await account.sync(night(file, "email,name,phone,city", "a@x.pl,Ann,1,Rome", "b@x.pl,Bob,2,Rome"), state)
    again = await account.sync(night(file, "City,E-mail,NAME,phone", "Rome,a@x.pl,Ann,1", "Rome,b@x.pl,Bob,2"), state)
    assert (first.warnings, again.warnings, again.unchanged) == ((), (), 2)
    caplog.clear()
    logged: list[int] = []
    account.on_request = lambda _: logged.append(len([one for one in caplog.records if "columns" in one.message]))
    night(file, "email,name,fax", "a@x.pl,Ann,1", "b@x.pl,Bob,2")
    trial = await account.sync(file, state, dry_run=True)
    told = [("City", MISSING), ("phone", MISSING), ("fax", ADDED)]
    assert (sorted(warned(trial)), trial.changed, logged) == (sorted(told), 2, [])
    caplog.clear()
    report = await account.sync(file, state)
    assert (sorted(warned(report)), report.changed, report.accepted) == (sorted(told), 2, 2)
    assert logged
    assert set(logged) == {1}
    [record] = [one for one in caplog.records if "columns" in one.message]
    assert (record.levelno, record.name) == (logging.WARNING, "salesmanago_async.runs")
    assert "2 are missing and 1 are new" in record.message
    assert (await account.sync(file, state)).warnings == ()


async def test_columns_that_are_not_read_do_not_count(account: Account, tmp_path: Path) -> None:
    file, state = tmp_path / "people.csv", tmp_path / "people.db"
    await account.sync(night(file, "email,name", "a@x.pl,Ann"), state, extra_columns="ignore")
    night(file, "email,name,shoe,_line,_reason", "a@x.pl,Ann,7,2,bad")
    report = await account.sync(file, state, extra_columns="ignore")
    assert (report.warnings, report.unchanged) == ((), 1)


async def test_frames_and_parquet_have_columns_and_mappings_have_none(account: Account, tmp_path: Path) -> None:
    state, file = tmp_path / "people.db", tmp_path / "people.parquet"
    both = polars.DataFrame({"email": ["a@x.pl"], "name": ["Ann"], "phone": ["1"]})
    await account.sync(both, state)
    both.drop("phone").write_parquet(file)
    assert warned(await account.sync(file, state)) == [("phone", MISSING)]
    assert (await account.sync([{"email": "a@x.pl", "city": "Rome"}], state)).warnings == ()
    assert warned(await account.sync(both, state)) == [("phone", ADDED)]


async def test_what_was_sent_when_a_sync_was_killed_does_not_change_the_columns(
    account: Account, tmp_path: Path
) -> None:
    file, state = tmp_path / "people.csv", tmp_path / "people.db"
    await account.sync(night(file, "email,name,city", "a@x.pl,Ann,Rome"), state)
    await account.killed_sync(night(file, "email,name", "a@x.pl,Ann"), state, at=2)
    assert warned(await account.sync(file, state)) == [("city", MISSING)]


async def test_a_state_without_columns_is_read_and_gets_them(account: Account, tmp_path: Path) -> None:
    file, state = night(tmp_path / "people.csv", "email,name", "a@x.pl,Ann"), tmp_path / "people.db"
    await account.sync(file, state)
    content = state.read_bytes()
    state.write_bytes(as_before_columns(content[:SIZE]) + content[SIZE:])
    report = await account.sync(night(file, "email,name,city", "a@x.pl,Ann,"), state)
    assert (report.warnings, report.unchanged) == ((), 1)
    known = Known.open(state)
    assert list(known.columns or ()) == ["email", "name", "city"]
    known.close()


def test_long_lists_of_columns_are_a_fingerprint_and_the_longest_options_go_before_them() -> None:
    columns = [f"properties.a long name of a detail {number}" for number in range(60)]
    found = Header.read(Header(of=OF, rows=1, checksum=1, columns=columns).line()).columns
    assert found == fingerprint(columns[::-1])
    assert not changes_of(found, columns[::-1])
    [warning] = changes_of(found, columns[1:]).warnings
    assert str(warning) == f"the columns {OTHERS}"
    used = len(Header(of=evolve(OF, settings={"tags": ""}), rows=1, checksum=1).line().rstrip())
    full = evolve(OF, settings={"tags": "x" * (SIZE - used - 10)})
    assert Header.read(Header(of=full, rows=1, checksum=1, columns=columns).line()).columns is None
