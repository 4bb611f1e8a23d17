"""Night after night with any products, kills and failures: after a night that goes well, the shop has the products.

That holds whatever was sent of them: their prices, their quantities, or all of them. With `removed`, all others are
switched off, and those that came back are on.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async.simulator import Fault, ProductSettings
from tests.conftest import BACKENDS, examples, run_virtually
from tests.sync.shops import Shop, product
from tests.virtual_disk import virtual_disk

FAULTS = (
    "503,path=v3/product/upsert",
    "503,path=v3/product/updatePrice",
    "reset-after,path=v3/product/updateQuantity",
    "reset-after,path=v3/product/upsert",
)


@frozen
class Night:
    """The rows of a night, and what goes wrong in it."""

    rows: Sequence[Mapping[str, Any]]
    dies_at: int | None
    dies_after: bool
    fault: str | None
    refused: str | None
    is_full: bool


_product = st.builds(
    product,
    st.integers(0, 3),
    name=st.sampled_from(["Bag", "Sack"]),
    price=st.integers(1, 2),
    quantity=st.integers(1, 2),
    available=st.just(True),
    active=st.just(True),
)
_SAME = [product(number, name="Bag", price=1, quantity=1, available=True, active=True) for number in range(4)]
_rows = st.lists(_product, max_size=8) | st.lists(st.sampled_from(_SAME), max_size=4, unique_by=id)
"""Any products; or some of the same ones as in other nights, so that one that was gone comes back as it was."""
_nights = st.builds(
    Night,
    rows=_rows,
    dies_at=st.none() | st.integers(1, 8),
    dies_after=st.booleans(),
    fault=st.none() | st.sampled_from(FAULTS),
    refused=st.none() | st.sampled_from(["P0", "P1"]),
    is_full=st.sampled_from([False, False, False, True]),
)


@pytest.mark.ci
@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=examples(80), deadline=None)
@given(nights=st.lists(_nights, max_size=5), last=_rows, removed=st.sampled_from(["keep", "deactivate"]))
def test_no_change_is_missed(
    backend: str,
    nights: Sequence[Night],
    last: Sequence[Mapping[str, Any]],
    removed: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async def live_through_them() -> None:
        shop = Shop()
        with TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as folder:
            state = Path(folder) / "products.db"
            for night in nights:
                await _spend(shop, night, state, removed)
            report = await shop.sync(last, state, batch_size=2, removed=removed, max_removed=1)
            assert report.complete
            assert report.accepted == report.read
            wanted = {row["productId"]: row for row in last}
            assert {id_: shop.products[id_] for id_ in wanted} == wanted
            if removed == "deactivate":
                assert {*shop.products} - {*wanted} == {*shop.switched_off}
            again = await shop.sync(last, state, batch_size=2, removed=removed)
            repeated = sum(count for count in Counter(row["productId"] for row in last).values() if count > 1)
            assert again.read <= repeated
            assert (again.added, again.removed) == (0, 0)

    with virtual_disk():
        run_virtually(backend, live_through_them)


async def _spend(shop: Shop, night: Night, state: Path, removed: str) -> None:
    shop.simulator.faults = [Fault.parse(f"{night.fault},share=0.5")] if night.fault else []
    problems = {night.refused: (11, "name|max:3")} if night.refused else {}
    shop.account.settings = ProductSettings(takes_any_catalog=True, problems=problems)
    options: dict[str, Any] = {"batch_size": 2, "full": night.is_full, "patience": 20, "removed": removed}
    options["max_removed"] = 1
    if night.dies_at is None:
        await shop.sync(night.rows, state, **options)
    else:
        await shop.killed_sync(night.rows, state, at=night.dies_at, after=night.dies_after, **options)
    shop.simulator.faults, shop.account.settings = [], ProductSettings(takes_any_catalog=True)
