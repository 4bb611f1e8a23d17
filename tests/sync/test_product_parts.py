"""Of a product only the prices or the quantity are sent where only these have changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async.simulator import Fault, ProductSettings
from salesmanago_async.sync import header
from salesmanago_async.sync import state as state_module
from salesmanago_async.sync.header import StateOf
from salesmanago_async.sync.known import Known
from salesmanago_async.sync.known_writer import KnownWriter
from tests.sync.shops import Shop, differences, product

pytestmark = pytest.mark.anyio

BEFORE = {"quantity": 3, "description": "A bag.", "discountPrice": 9}
WITHOUT_QUANTITY = {"description": "A bag.", "discountPrice": 9}
WITHOUT_DISCOUNT = {"quantity": 3, "description": "A bag."}
SALE_ENDS = {**WITHOUT_DISCOUNT, "setAsNull": ["discountPrice"]}


def both(path: str, **others: Any) -> list[tuple[str, dict[str, Any]]]:
    """The only request: for the product P1."""
    return [(path, {"productId": "P1", **others})]


@pytest.mark.parametrize(
    ("before", "after", "sent"),
    [
        (BEFORE, {**BEFORE, "price": 11}, both("updatePrice", price=11, discountPrice=9)),
        (BEFORE, {**BEFORE, "discountPrice": 8.5}, both("updatePrice", price=10.5, discountPrice=8.5)),
        (BEFORE, {**BEFORE, "quantity": 0}, both("updateQuantity", quantity=0)),
        (BEFORE, SALE_ENDS, both("updatePrice", price=10.5, discountPrice=None)),
        (
            {**WITHOUT_DISCOUNT, "setAsNull": ["discountPrice", "detail1"]},
            {**WITHOUT_DISCOUNT, "discountPrice": 4, "setAsNull": ["detail1"]},
            both("updatePrice", price=10.5, discountPrice=4),
        ),
        (WITHOUT_QUANTITY, BEFORE, both("updateQuantity", quantity=3)),
        (BEFORE, WITHOUT_DISCOUNT, both("updatePrice", price=10.5)),
    ],
    ids=["price", "discount", "quantity", "a sale ends", "a sale begins", "first quantity", "a discount is left out"],
)
async def test_what_alone_has_changed_is_sent(
    shop: Shop, state: Path, before: Mapping[str, Any], after: Mapping[str, Any], sent: Sequence[Any]
) -> None:
    await shop.sync([product(1, **before), product(2)], state)
    shop.bodies.clear()
    report = await shop.sync([product(1, **after), product(2)], state)
    assert list(shop.taken()) == sent
    assert (differences(report), report.accepted) == ((0, 1, 1, 0), 1)
    of_prices = sent[0][0] == "updatePrice"
    assert (report.prices_only, report.quantities_only) == (of_prices, not of_prices)
    assert (await shop.sync([product(1, **after), product(2)], state)).unchanged == 2


@pytest.mark.parametrize(
    "after",
    [
        {**BEFORE, "name": "Sack"},
        {**BEFORE, "price": 11, "quantity": 4},
        {**BEFORE, "price": 11, "description": "A sack."},
        {**BEFORE, "quantity": 4, "available": False},
        {**BEFORE, "setAsNull": ["detail1"]},
        {**BEFORE, "setAsNull": ["discountPrice"]},
        WITHOUT_QUANTITY,
    ],
)
async def test_a_product_of_which_more_has_changed_is_sent_whole(
    shop: Shop, state: Path, after: Mapping[str, Any]
) -> None:
    await shop.sync([product(1, **BEFORE)], state)
    shop.bodies.clear()
    report = await shop.sync([product(1, **after)], state)
    assert list(shop.taken()) == [("upsert", product(1, **after))]
    assert (report.changed, report.prices_only, report.quantities_only) == (1, 0, 0)


async def test_one_night_in_three_requests(shop: Shop, state: Path) -> None:
    await shop.sync([product(number, quantity=1) for number in range(300)], state)
    shop.bodies.clear()
    prices = [product(number, quantity=1, price=number) for number in range(90)]
    quantities = [product(number, quantity=number) for number in range(90, 180)]
    whole = [product(number, quantity=1, name=f"Bag {number}") for number in range(180, 270)]
    mixed = [row for rows in zip(prices, quantities, whole, strict=True) for row in rows]
    dry = await shop.sync(mixed, state, dry_run=True)
    assert (dry.chunks, dry.changed, dry.prices_only, dry.quantities_only) == (3, 270, 90, 90)
    assert shop.sent == []
    report = await shop.sync(mixed, state)
    assert {path: len(ids) for path, ids in shop.sent} == {"updatePrice": 90, "updateQuantity": 90, "upsert": 90}
    assert (report.requests, report.accepted, report.bytes) == (3, 270, dry.bytes)
    assert str(report) == (
        "0 new, 270 changed (90 prices only, 90 quantities only), 0 unchanged, 30 removed (kept); "
        "270 to be sent: 270 accepted"
    )
    assert report.as_dict()["quantities_only"] == 90
    assert list(report.differences) == ["new", "changed", "prices only", "quantities only", "unchanged", "removed"]
    for row in mixed:
        assert {name: shop.products[row["productId"]][name] for name in row} == row


@pytest.mark.parametrize("reverse", [False, True])
async def test_the_last_row_of_a_product_counts_whatever_is_sent_of_it(shop: Shop, state: Path, reverse: bool) -> None:
    numbers = range(30)
    await shop.sync([product(number) for number in numbers], state)
    rows = [product(number, price=11) for number in numbers]
    rows += [product(number, price=12, name="Sack") for number in numbers]
    rows = rows[::-1] if reverse else rows
    shop.bodies.clear()
    await shop.sync(rows, state, batch_size=7)
    last = {row["productId"]: row for row in rows}
    assert {id_: {name: shop.products[id_][name] for name in row} for id_, row in last.items()} == last
    ways = [[path for path, ids in shop.sent if f"P{number}" in ids] for number in numbers]
    assert all({*each} == {"upsert"} if reverse else each == ["updatePrice", "upsert"] for each in ways)


@pytest.mark.parametrize("fault", ["503,path=v3/product/updatePrice", "problem"])
async def test_a_part_that_was_not_accepted_is_sent_whole_the_next_time(shop: Shop, state: Path, fault: str) -> None:
    await shop.sync([product(1), product(2)], state)
    rows = [product(1, price=11), product(2, price=11)]
    if fault == "problem":
        shop.account.settings = ProductSettings(takes_any_catalog=True, problems={"P1": (14, "price:float|Wrong type")})
    else:
        shop.simulator.faults = [Fault.parse(fault)]
    first = await shop.sync(rows, state, patience=1)
    assert first.accepted == (fault == "problem")
    shop.simulator.faults, shop.account.settings = [], ProductSettings(takes_any_catalog=True)
    shop.bodies.clear()
    report = await shop.sync(rows, state)
    assert ("upsert", rows[0]) in list(shop.taken())
    assert (report.complete, report.prices_only) == (True, 0)
    assert {each["price"] for each in shop.products.values()} == {11}


async def test_with_full_and_after_other_options_products_are_sent_whole(shop: Shop, state: Path) -> None:
    await shop.sync([product(1)], state)
    shop.bodies.clear()
    await shop.sync([product(1, price=11)], state, full=True)
    await shop.sync([{**product(1), "Cost": 12}], state, columns={"price": "_ignored", "Cost": "price"})
    assert [path for path, _ in shop.taken()] == ["upsert", "upsert"]
    report = await shop.sync([{**product(1), "Cost": 13}], state, columns={"price": "_ignored", "Cost": "price"})
    assert report.prices_only == 1


async def test_a_price_of_a_product_that_is_switched_off_later_is_the_last_one(shop: Shop, state: Path) -> None:
    rows = [product(number) for number in range(10)]
    await shop.sync(rows, state, removed="deactivate")
    rows[9] = product(9, price=99)
    assert (await shop.sync(rows, state, removed="deactivate")).prices_only == 1
    assert (await shop.sync(rows[:9], state, removed="deactivate")).removed_done == 1
    assert (shop.products["P9"]["price"], shop.switched_off) == (99, ["P9"])


async def test_a_state_without_parts_is_read(shop: Shop, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [product(number) for number in range(4)]
    await shop.sync(rows, state)
    known = Known.open(state)
    assert known.of
    of = StateOf(account=known.of.account, key=known.of.key, has_names=False, settings=known.of.settings)
    with monkeypatch.context() as second_version, KnownWriter(state, of) as writer:
        second_version.setattr(header, "FORMAT", 2)
        writer.copy(known, 0, 4, keeps_contents=True)
        known.close()
        writer.commit()
    assert state.stat().st_size == 1024 + 4 * 16
    rows[0] = product(0, price=11)
    first = await shop.sync(rows, state)
    assert (differences(first), first.prices_only) == ((0, 1, 3, 0), 0)
    rows[0], rows[1] = product(0, price=12), product(1, price=12)
    second = await shop.sync(rows, state)
    assert (differences(second), second.prices_only) == ((0, 2, 2, 0), 1)
    assert {id_: each["price"] for id_, each in shop.products.items()} == {"P0": 12, "P1": 12, "P2": 10.5, "P3": 10.5}


async def test_what_another_version_left_behind_is_sent_again(
    shop: Shop, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [product(number) for number in range(10)]
    await shop.sync(rows, state)
    rows = [product(number, price=11) for number in range(10)]
    with monkeypatch.context() as other_version:
        other_version.setattr(state_module, "SENT_FORMAT", 1)
        await shop.killed_sync(rows, state, at=3, batch_size=2)
    report = await shop.sync(rows, state)
    assert (report.changed, report.prices_only) == (10, 0)
    assert {each["price"] for each in shop.products.values()} == {11}
    assert list(state.parent.iterdir()) == [state]
