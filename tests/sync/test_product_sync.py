"""A sync of products sends those that changed, and switches off those that are gone."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from click.testing import CliRunner

from salesmanago_async import Invalid, SalesManago
from salesmanago_async.cli._commands import salesmanago
from salesmanago_async.file_imports.definition import FileImport, FileSync, note_of
from salesmanago_async.file_imports.opening import begun_import
from salesmanago_async.simulator import Fault, ProductSettings
from tests.sync.shops import CATALOG, Shop, differences, product

pytestmark = pytest.mark.anyio


async def test_only_what_changed_is_sent(shop: Shop, sm: SalesManago, state: Path) -> None:
    rows = [product(number) for number in range(250)]
    first = await sm.products.sync(rows, state=state, catalog_id=CATALOG)
    assert (differences(first), first.accepted) == ((250, 0, 0, 0), 250)
    assert state.stat().st_size == 1024 + 250 * 32
    shop.bodies.clear()
    rows[7] = product(7, price=9)
    second = await sm.products.sync([*rows[:249], product(250)], state=state, catalog_id=CATALOG)
    assert (differences(second), second.removal) == ((1, 1, 248, 1), "kept")
    assert sorted(shop.sent) == [("updatePrice", ["P7"]), ("upsert", ["P250"])]
    assert shop.products["P7"]["price"] == 9


async def test_products_whose_ids_differ_in_case_are_two(shop: Shop, sm: SalesManago, state: Path) -> None:
    rows = [{**product(1), "productId": "a"}, {**product(1), "productId": "A"}]
    assert (await sm.products.sync(rows, state=state, catalog_id=CATALOG)).added == 2
    assert differences(await sm.products.sync(rows[:1], state=state, catalog_id=CATALOG)) == (0, 0, 1, 1)
    assert set(shop.products) == {"a", "A"}


async def test_refused_products_are_sent_again_the_next_time(shop: Shop, sm: SalesManago, state: Path) -> None:
    rows = [product(1), product(2), {"productId": "P3"}]
    shop.account.settings = ProductSettings(takes_any_catalog=True, problems={"P2": (13, "name|Missing")})
    first = await sm.products.sync(rows, state=state, catalog_id=CATALOG)
    assert (first.accepted, first.rejected) == (1, 2)
    shop.account.settings = ProductSettings(takes_any_catalog=True)
    second = await sm.products.sync(rows, state=state, catalog_id=CATALOG)
    assert (second.unchanged, second.accepted, second.rejected) == (1, 1, 1)


@pytest.mark.parametrize(
    ("only", "path", "column"), [("quantities", "updateQuantity", "quantity"), ("prices", "updatePrice", "price")]
)
async def test_only_prices_or_quantities(
    shop: Shop, sm: SalesManago, state: Path, tmp_path: Path, only: Any, path: str, column: str
) -> None:
    await sm.products.upsert_many([product(1), product(2)], catalog_id=CATALOG)
    rows = [{"productId": "P1", column: 3}, {"productId": "P2", column: 4}]
    await sm.products.sync(rows, state=state, catalog_id=CATALOG, only=only)
    shop.bodies.clear()
    rows[1][column] = 5
    report = await sm.products.sync(rows, state=state, catalog_id=CATALOG, only=only)
    assert (differences(report), shop.sent) == ((0, 1, 1, 0), [(path, ["P2"])])
    assert shop.products["P2"][column] == 5
    with pytest.raises(Invalid, match=f"removed: is 'deactivate'; a sync of {only} knows too little"):
        await sm.products.sync(rows, state=state, catalog_id=CATALOG, only=only, removed="deactivate")
    again = await sm.products.sync([product(1), product(2)], state=state, catalog_id=CATALOG)
    assert again.resent == "the last sync had another value of only"


async def test_products_that_are_gone_are_switched_off(shop: Shop, sm: SalesManago, state: Path) -> None:
    rows = [product(number, description="long " * 50, available=True, active=True) for number in range(10)]
    options: dict[str, Any] = {"state": state, "catalog_id": CATALOG, "removed": "deactivate"}
    await sm.products.sync(rows, **options)
    assert b"long " not in state.read_bytes()
    trial = await sm.products.sync(rows[1:], **options, dry_run=True)
    assert (trial.removed, trial.removal, shop.switched_off) == (1, "a dry run does nothing to them", [])
    report = await sm.products.sync(rows[1:], **options)
    assert (differences(report), report.removed_done, report.removal) == ((0, 0, 9, 1), 1, "deactivated")
    assert shop.switched_off == ["P0"]
    assert shop.products["P0"]["description"].startswith("long ")
    assert (await sm.products.sync(rows[1:], **options)).removed == 0
    assert differences(await sm.products.sync(rows, **options)) == (1, 0, 9, 0)
    assert shop.switched_off == []


async def test_products_are_not_switched_off_if_they_are_too_many_or_not_confirmed(
    shop: Shop, sm: SalesManago, state: Path
) -> None:
    rows = [product(number) for number in range(10)]
    options: dict[str, Any] = {"state": state, "catalog_id": CATALOG, "removed": "deactivate"}
    await sm.products.sync(rows, **options)
    report = await sm.products.sync(rows[2:], **options)
    assert report.removal
    assert "they are 20.0% of the known products, and max_removed is 10.0%" in report.removal
    asked: list[int] = []

    def refuse(count: int) -> bool:
        asked.append(count)
        return False

    refused = await sm.products.sync(rows[1:], **options, confirm_removal=refuse)
    assert (asked, refused.removed_done, shop.switched_off) == ([1], 0, [])
    shop.simulator.faults = [Fault.parse("503,path=v3/product/upsert")]
    failed = await sm.products.sync(rows[1:], **options, patience=1)
    assert (failed.removed_done, failed.removed) == (0, 1)
    shop.simulator.faults = []
    assert (await sm.products.sync(rows[1:], **options)).removed_done == 1


async def test_a_state_without_names_is_begun_anew_where_they_are_needed(sm: SalesManago, state: Path) -> None:
    await sm.products.sync([product(1)], state=state, catalog_id=CATALOG)
    report = await sm.products.sync([product(1)], state=state, catalog_id=CATALOG, removed="deactivate")
    assert report.resent == "the state has no names of products that are removed"


async def test_a_state_is_of_one_catalogue(sm: SalesManago, state: Path) -> None:
    await sm.products.sync([product(1)], state=state, catalog_id=CATALOG)
    with pytest.raises(Invalid, match=r"products\.db: is the state of another catalogue; give this sync a state"):
        await sm.products.sync([product(1)], state=state, catalog_id="other")
    with pytest.raises(Invalid, match=r"products\.db: is the state of another"):
        await sm.contacts.sync([{"email": "a@example.com"}], state=state)


async def _killed(shop: Shop, state: Path) -> list[dict[str, Any]]:
    """Leave behind what a sync leaves that was killed; return its rows."""
    rows = [product(number) for number in range(20)]
    await shop.sync(rows, state, batch_size=5)
    await shop.killed_sync([product(number, quantity=2) for number in range(20)], state, at=3, batch_size=5)
    assert Path(f"{state}-run").exists()
    return rows


@pytest.mark.parametrize("dry_run", [False, True])
async def test_what_a_killed_sync_left_is_of_one_catalogue_too(shop: Shop, state: Path, *, dry_run: bool) -> None:
    rows = await _killed(shop, state)
    async with shop.client() as sm:
        with pytest.raises(Invalid) as caught:
            await sm.products.sync(rows, state=state, catalog_id="other", dry_run=dry_run)
        assert str(caught.value) == f"{state}: is the state of another catalogue; give this sync a state of its own"
    async with shop.client(products_url="http://localhost:9", transport=None) as sm:
        with pytest.raises(Invalid) as caught:
            await sm.products.sync(rows, state=state, catalog_id=CATALOG, dry_run=dry_run)
        assert str(caught.value).startswith(f"{state}: was begun with a simulated server, and this is for localhost:9")


def _of_version_9(run: Path) -> None:
    with closing(sqlite3.connect(run)) as connection:
        connection.execute("PRAGMA user_version = 9")


def _cut(run: Path) -> None:
    run.write_bytes(run.read_bytes()[:5000])


def _of_another_program(run: Path) -> None:
    run.write_bytes(b"text" * 1000)


def _with_a_log_beside_it(run: Path) -> None:
    Path(f"{run}-wal").touch()


def _a_folder(run: Path) -> None:
    run.unlink()
    run.mkdir()


@pytest.mark.parametrize("damage", [_of_version_9, _cut, _of_another_program, _with_a_log_beside_it, _a_folder])
async def test_what_is_wrong_with_a_file_of_the_run_is_said_of_the_state(
    shop: Shop, state: Path, damage: Callable[[Path], None]
) -> None:
    rows = await _killed(shop, state)
    run = Path(f"{state}-run")
    damage(run)
    with pytest.raises(Invalid) as caught:
        await shop.sync(rows, state)
    assert str(caught.value).startswith(f"{state}: has {run} beside it, which ")
    assert "give this sync a state of its own" in str(caught.value)
    assert "give the run" not in str(caught.value)


async def test_the_journal_of_an_import_is_not_taken_for_that_of_a_sync(shop: Shop, state: Path) -> None:
    run = Path(f"{state}-run")
    async with shop.client() as sm:
        await sm.products.upsert_many([product(1)], catalog_id=CATALOG, journal=run)
    with pytest.raises(Invalid) as caught:
        await shop.sync([product(1)], state)
    assert str(caught.value) == (
        f"{state}: needs the name {run}, which another journal has; give this sync a state of its own"
    )


async def test_a_sync_of_a_program_is_resumed_by_that_program(shop: Shop, state: Path) -> None:
    await _killed(shop, state)
    with pytest.raises(Invalid) as caught:
        begun_import(state)
    assert str(caught.value) == (
        f"{state}: was not begun by 'salesmanago import' or 'salesmanago sync'; "
        "continue it with the program that began it"
    )


def test_a_name_that_cannot_be_kept_is_said_of_the_state() -> None:
    definition = FileImport(kind="contacts", files=(Path("a\udcff.csv"),), sync=FileSync(state=Path("people.db")))
    with pytest.raises(Invalid, match=r"so the state cannot keep it; rename the file$"):
        note_of(definition)
    with pytest.raises(Invalid, match=r"so the journal cannot keep it; rename the file, or import without a journal$"):
        note_of(evolve(definition, sync=None))


async def test_a_report_names_the_state_as_it_was_given(shop: Shop, state: Path) -> None:
    shop.simulator.faults = [Fault.parse("503,path=v3/product/upsert")]
    page = unescape((await shop.sync([product(1)], state, patience=1)).html())
    assert f"The same call with state='{state}' goes on with the run." in page
    assert "journal" not in page


async def test_a_sync_that_was_killed_goes_on(shop: Shop, state: Path) -> None:
    rows = [product(number, quantity=1) for number in range(40)]
    await shop.sync(rows, state, batch_size=5)
    tonight = [product(number, quantity=2) for number in range(40)]
    await shop.killed_sync(tonight, state, at=5, batch_size=5)
    assert 0 < sum(found["quantity"] == 2 for found in shop.products.values()) < 40
    rows[39] = tonight[39] = product(39, quantity=1)
    await shop.sync(tonight, state, batch_size=5)
    assert {id_: found["quantity"] for id_, found in shop.products.items()} == {
        each["productId"]: each["quantity"] for each in tonight
    }
    assert differences(await shop.sync(tonight, state, batch_size=5)) == (0, 0, 40, 0)
    assert list(state.parent.iterdir()) == [state]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"removed": "delete"}, Invalid, "removed: is 'delete', not one of keep, deactivate"),
        ({"journal": "other.db"}, Invalid, "journal: is another file"),
        ({"batch_size": 101}, Invalid, "batch_size: is 101; a request takes 1 to 100 products"),
        ({"key": "name"}, TypeError, "there is no option 'key'"),
        ({"catalog_id": ""}, Invalid, "catalogId"),
    ],
)
async def test_options_that_do_not_fit(
    sm: SalesManago, state: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    given: dict[str, Any] = {"state": state, "catalog_id": CATALOG, **options}
    with pytest.raises(error, match=message):
        await sm.products.sync([product(1)], **given)
    assert not state.exists()


async def test_outcomes_come_one_by_one(sm: SalesManago, state: Path) -> None:
    await sm.products.sync([product(1)], state=state, catalog_id=CATALOG)
    async with sm.products.syncing([product(1), product(2)], state=state, catalog_id=CATALOG) as outcomes:
        found = [(outcome.record, outcome.state) async for outcome in outcomes]
    assert found == [(product(2), "accepted")]


@pytest.mark.parametrize("ending", ["killed", "in doubt"])
async def test_a_product_that_comes_back_is_sent_even_if_the_sync_that_switched_it_off_did_not_learn_so(
    shop: Shop, state: Path, ending: str
) -> None:
    rows = [product(number, available=True, active=True) for number in range(10)]
    await shop.sync(rows, state, removed="deactivate")
    if ending == "killed":
        await shop.killed_sync(rows[1:], state, at=1, after=True, removed="deactivate")
    else:
        shop.simulator.faults = [Fault.parse("reset-after,path=v3/product/upsert")]
        await shop.sync(rows[1:], state, removed="deactivate", patience=1)
        shop.simulator.faults = []
    assert shop.switched_off == ["P0"]
    report = await shop.sync(rows, state, removed="deactivate")
    assert (differences(report), report.accepted, shop.switched_off) == ((0, 1, 9, 0), 1, [])


@pytest.mark.parametrize(("ending", "off"), [("rejected", []), ("in doubt", ["P9"])])
async def test_a_product_that_never_came_into_the_shop_is_not_switched_off(
    shop: Shop, state: Path, ending: str, off: list[str]
) -> None:
    rows = [product(number) for number in range(9)]
    await shop.sync(rows, state, removed="deactivate")
    if ending == "rejected":
        shop.account.settings = ProductSettings(takes_any_catalog=True, problems={"P9": (13, "name|Missing")})
    else:
        shop.simulator.faults = [Fault.parse("reset-after,path=v3/product/upsert")]
    await shop.sync([*rows, product(9)], state, removed="deactivate", patience=1)
    shop.account.settings, shop.simulator.faults = ProductSettings(takes_any_catalog=True), []
    report = await shop.sync(rows, state, removed="deactivate", max_removed=1)
    assert (shop.switched_off, "P9" in shop.products) == (off, bool(off))
    assert (report.removed, report.removed_done, report.complete) == (len(off), len(off), True)


async def test_a_product_is_switched_off_with_what_was_accepted_of_it(shop: Shop, state: Path) -> None:
    rows = [product(number) for number in range(10)]
    await shop.sync(rows, state, removed="deactivate")
    shop.account.settings = ProductSettings(takes_any_catalog=True, problems={"P0": (11, "name|min:0|max:3|Too long")})
    for name in ("Too long", "Too long as well"):
        refused = await shop.sync([product(0, name=name, price=11), *rows[1:]], state, removed="deactivate")
        assert refused.rejected == 1
    shop.account.settings = ProductSettings(takes_any_catalog=True)
    shop.bodies.clear()
    assert (await shop.sync(rows[1:], state, removed="deactivate")).removed_done == 1
    assert list(shop.taken()) == [("upsert", product(0, available=False, active=False))]


async def test_a_value_that_becomes_blank_is_a_change_and_set_as_null_clears_the_field(
    shop: Shop, sm: SalesManago, state: Path, tmp_path: Path
) -> None:
    night, header = tmp_path / "products.csv", "productId,name,mainCategory,price,discountPrice,detail1,setAsNull\n"

    async def sync(cells: str) -> tuple[int, int, int, int]:
        night.write_text(f"{header}P1,Drum,Drums,50,{cells}\n")
        return differences(await sm.products.sync(night, state=state, catalog_id=CATALOG))

    await sync("40,red,")
    assert await sync(",,") == (0, 1, 0, 0)
    assert shop.products["P1"]["discountPrice"] == 40
    assert await sync(',,"discountPrice,detail1"') == (0, 1, 0, 0)
    assert not shop.products["P1"].get("discountPrice")
    assert not (shop.products["P1"].get("customDetails") or {}).get("detail1")


@pytest.mark.parametrize(("path", "word"), [("contacts", "CLEAR"), ("products", "setAsNull")])
def test_the_help_says_what_a_blank_cell_does_and_how_to_clear_a_field(path: str, word: str) -> None:
    shown = " ".join(CliRunner().invoke(salesmanago, ["sync", path, "--help"]).output.split())
    assert "A cell that has become blank" in shown
    assert word in shown
