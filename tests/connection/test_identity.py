"""The identity stored in files: one name per server, whatever its address looks like, and another for simulators."""

from typing import Any

import httpx
import pytest

from salesmanago_async import Credentials, Login, SalesManago
from salesmanago_async.connection.identity import SIMULATED, difference, mark_of
from salesmanago_async.simulator import Simulator

CREDENTIALS = Credentials(client_id="client", api_key="key", api_secret="secret")


def identity_of(*, credentials: Credentials | Login = CREDENTIALS, **options: Any) -> dict[str, Any]:
    return SalesManago(credentials, **options)._connection.identity


@pytest.mark.parametrize(
    ("base_url", "server"),
    [
        ("https://app2.salesmanago.com", "app2.salesmanago.com"),
        ("https://APP2.SalesManago.com/", "app2.salesmanago.com"),
        ("https://app2.salesmanago.com:443", "app2.salesmanago.com"),
        ("https://app2.salesmanago.com./api", "app2.salesmanago.com"),
        ("https://app2.salesmanago.com:8443", "app2.salesmanago.com:8443"),
        ("https://gateway.example/Sales", "gateway.example/Sales"),
        ("https://XN--bcher-kva.example", "xn--bcher-kva.example"),
        ("http://127.0.0.1:18787", "127.0.0.1:18787"),
        ("http://[::1]:18787", "[::1]:18787"),
    ],
)
def test_all_addresses_of_a_server_have_one_name(base_url: str, server: str) -> None:
    assert identity_of(base_url=base_url)["server"] == server
    assert identity_of(base_url=base_url, transport=httpx.AsyncHTTPTransport())["server"] == server


def test_a_transport_inside_the_process_is_a_simulated_server() -> None:
    for transport in (httpx.ASGITransport(app=Simulator()), httpx.MockTransport(lambda _: httpx.Response(200))):
        assert identity_of(base_url="https://app2.salesmanago.com", transport=transport)["server"] == SIMULATED


def test_an_account_is_stored_as_a_fingerprint() -> None:
    login = Login(user_name="ann@example.com", password="secret")
    marks = {identity_of()["account"], identity_of(credentials=login)["account"]}
    assert len(marks) == 2
    assert not any("client" in mark or "ann" in mark for mark in marks)
    assert mark_of(None) is None


def test_a_different_server_is_reported_first() -> None:
    other = identity_of(transport=httpx.ASGITransport(app=Simulator()), credentials=Login(user_name="a", password="b"))
    found = difference(identity_of(), other)
    assert found
    assert found.servers == "was begun with app2.salesmanago.com, and this is for a simulated server"
    assert difference(other, dict(other)) is None
