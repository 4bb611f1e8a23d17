"""The webhook of a key of API v3: who is let in, and the way from a product to the callback, over sockets."""

import json
import logging
import time
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from salesmanago_async import Invalid, SalesManago
from salesmanago_async.api.product_problems import ProductProblem
from salesmanago_async.integrations.product_problems import product_problems_app
from salesmanago_async.simulator import (
    DEMO_CREDENTIALS,
    DEMO_OWNER,
    DEMO_PASSWORD,
    DEMO_PRODUCTS_KEY,
    ProductSettings,
    Simulator,
)
from tests.serving import serving_app

pytestmark = pytest.mark.anyio

PROBLEMS = {"problems": [{"reasonCode": 13, "message": "products[0].name|Missing"}, {"reasonCode": 19, "message": "x"}]}
MAIN: dict[str, Any] = {"currency": "EUR", "location": "shop_de"}
SHIRT: dict[str, Any] = {"name": "Shirt", "mainCategory": "Shirts", "price": 5}


class Taken:
    """Keeps what it is given, in requests; raises `error` first if there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.requests: list[Sequence[ProductProblem]] = []

    async def __call__(self, problems: Sequence[ProductProblem]) -> None:
        if self.error:
            raise self.error
        self.requests.append(problems)

    def wait_for(self, count: int) -> list[tuple[int | None, str | None]]:
        """Wait until a number of requests has come; return the problems of all."""
        until = time.monotonic() + 20
        while len(self.requests) < count and time.monotonic() < until:
            time.sleep(0.01)
        return [(problem.reason_code, problem.message) for problems in self.requests for problem in problems]


async def post(app: Any, content: Any, path: str = "/?token=secret", method: str = "POST") -> int:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://hook.example") as http:
        return (await http.request(method, path, content=body)).status_code


async def test_problems_are_handed_over() -> None:
    taken = Taken()
    app = product_problems_app(token="secret", on_problems=taken)
    assert await post(app, PROBLEMS) == 200
    ((first, second),) = taken.requests
    assert (first.reason_code, first.field, first.text) == (13, "products[0].name", "name: Missing (reason code 13)")
    assert (second.reason_code, second.message) == (19, "x")
    assert await post(app, {"messages": ["later"], "reasonCode": 10}) == 200
    assert taken.wait_for(2)[-1] == (10, "later")


@pytest.mark.parametrize(
    ("content", "path", "method", "status"),
    [
        (PROBLEMS, "/", "POST", 403),
        (PROBLEMS, "/?token=", "POST", 403),
        (PROBLEMS, "/?token=secret2", "POST", 403),
        (PROBLEMS, "/?other=secret", "POST", 403),
        (PROBLEMS, "/?token=%ff%C4%80", "POST", 403),
        (PROBLEMS, "/?token=secret", "GET", 405),
        (b"{", "/?token=secret", "POST", 400),
        ([], "/?token=secret", "POST", 400),
        ({"problems": []}, "/?token=secret", "POST", 400),
        ({"success": True}, "/?token=secret", "POST", 400),
        ({"problems": [{"message": "m" * 5000}]}, "/?token=secret", "POST", 413),
    ],
)
async def test_other_requests_are_refused(content: Any, path: str, method: str, status: int) -> None:
    taken = Taken()
    app = product_problems_app(token="secret", on_problems=taken, body_limit=4096)
    assert await post(app, content, path, method) == status
    assert taken.requests == []


async def test_what_a_request_has_instead_of_problems_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    app = product_problems_app(token="secret", on_problems=Taken())
    assert await post(app, {"other\nERROR forged": 1}) == 400
    assert [record.getMessage().count("\n") for record in caplog.records] == [0]
    assert "'other\\nERROR forged'" in caplog.text


async def test_a_failing_callback_is_a_500_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    app = product_problems_app(token="secret", on_problems=Taken(OSError("disk full")))
    with caplog.at_level(logging.ERROR):
        assert await post(app, PROBLEMS) == 500
    assert "disk full" in caplog.text


async def test_the_parameter_may_have_another_name_and_the_token_is_needed() -> None:
    app = product_problems_app(token="secret", on_problems=Taken(), parameter="t")
    assert await post(app, PROBLEMS, "/?t=secret") == 200
    with pytest.raises(Invalid, match="token"):
        product_problems_app(token="", on_problems=Taken())


LATER: dict[str, Any] = {"later_problems": {"P2": (11, "price|min:0|max:9|Out of range"), "P3": (13, "name|Missing")}}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
class TestOverSockets:
    async def test_the_simulator_posts_later_problems_to_the_webhook_of_the_key(self) -> None:
        """Over sockets: the products were accepted, are not stored, and their problems arrive at the callback."""
        taken = Taken()
        app = product_problems_app(token="secret", on_problems=taken)
        products = [{"productId": f"P{number}", **SHIRT} for number in range(4)]
        with serving_app(app) as hook:
            simulator = Simulator(products=ProductSettings(webhook_url=f"{hook}/?token=secret", **LATER))
            with serving_app(simulator) as address:
                client: dict[str, Any] = {"owner": DEMO_OWNER, "base_url": address, "products_url": address}
                async with SalesManago(DEMO_CREDENTIALS, products_key=DEMO_PRODUCTS_KEY, **client) as sm:
                    catalog_id = (await sm.catalogs.upsert("Main", **MAIN)).catalog_id
                    assert catalog_id
                    assert (await sm.products.upsert_many(products, catalog_id=catalog_id)).accepted == 4
                    found = taken.wait_for(1)
                    made = await sm.keys.create(
                        DEMO_OWNER,
                        password=DEMO_PASSWORD,
                        key_name="other",
                        expiry="NEVER",
                        webhook_url=f"{hook}/other?token=secret",
                    )
                async with SalesManago(DEMO_CREDENTIALS, products_key=made.api_key, **client) as sm:
                    await sm.products.update_quantities_many(
                        [{"productId": "P2", "quantity": 1}, {"productId": "P1", "quantity": 1}], catalog_id=catalog_id
                    )
                    assert taken.wait_for(2)[2:] == [(11, "products[0].price|min:0|max:9|Out of range")]
        assert found == [(11, "products[2].price|min:0|max:9|Out of range"), (13, "products[3].name|Missing")]

    async def test_a_webhook_that_fails_is_logged_and_changes_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        with serving_app(product_problems_app(token="secret", on_problems=Taken())) as hook:
            for url, why in (
                (f"{hook}/?token=wrong", "403"),
                ("http://127.0.0.1:1/", "URLError"),
                ("ftp://shop.example/", "neither http nor https"),
            ):
                caplog.clear()
                simulator = Simulator(products=ProductSettings(webhook_url=url, takes_any_catalog=True, **LATER))
                transport = httpx.ASGITransport(app=simulator)
                async with SalesManago(
                    DEMO_CREDENTIALS, owner=DEMO_OWNER, products_key=DEMO_PRODUCTS_KEY, transport=transport
                ) as sm:
                    report = await sm.products.upsert_many([{"productId": "P2", **SHIRT}], catalog_id="any")
                assert report.accepted == 1
                assert why in caplog.text
                assert "token" not in caplog.text
