"""A shop, its client, and where the state of a sync of its products will be."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from salesmanago_async import SalesManago
from tests.sync.shops import Shop


@pytest.fixture
def shop() -> Shop:
    """A shop without products."""
    return Shop()


@pytest.fixture
async def sm(shop: Shop) -> AsyncIterator[SalesManago]:
    """A client of the shop."""
    async with shop.client() as client:
        yield client


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where the state will be."""
    return tmp_path / "products.db"
