"""Fixtures for tests of exports."""

from typing import Any

import pytest

from salesmanago_async import SalesManago
from tests.conftest import MakeClient
from tests.exports.hosts import Connect, Hosts


@pytest.fixture
def connect(make_client: MakeClient) -> Connect:
    """Return a function that makes a client of `Hosts`."""

    def connect(hosts: Hosts, **options: Any) -> SalesManago:
        return make_client(None, transport=hosts, **options)

    return connect
