"""Odd values at every place of every call: an answer or a refusal, never a crash, and the account can still be read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, DEMO_PRODUCTS_KEY, ProductSettings, Simulator
from salesmanago_async.simulator.handlers import LEGACY_HANDLERS

pytestmark = [pytest.mark.ci, pytest.mark.anyio]

Place: TypeAlias = tuple[str | int, ...]

DATA = Path(__file__).parents[1] / "data"
ODD = (None, [1], {"a": [1]}, "", -1.5, True)
CALLS = [
    (f"/{call['path']}", {**call["body"], **({"catalogId": "any"} if "catalogId" in call["body"] else {})})
    for call in json.loads((DATA / "vendor-product-calls.json").read_text())
    if call["method"] == "POST" and isinstance(call.get("body"), dict)
]
OF_LEGACY: dict[str, Any] = {
    "user": DEMO_OWNER, "email": "ann@example.com", "contactId": "c", "emailId": "e", "eventId": "v", "date": 1,
    "name": "n", "contact": {"email": "ann@example.com", "name": "Ann"}, "contacts": [{"email": "ann@example.com"}],
    "tags": ["A"], "contactEvent": {"date": 1714550400000, "contactExtEventType": "CART", "products": "1"},
    "upsertDetails": [{"contact": {"email": "bob@example.com"}}],
}  # fmt: skip


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(strict=False, products=ProductSettings(takes_any_catalog=True))


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Yield the place of everything in a body, but not of the body itself."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield (*at, name)
        yield from places(part, (*at, name))


def put(body: Any, place: Place, value: Any) -> Any:
    """Return a copy of a body with another value at a place."""
    body = target = deepcopy(body)
    for name in place[:-1]:
        target = target[name]
    target[place[-1]] = value
    return body


def signed(body: Mapping[str, Any]) -> dict[str, Any]:
    by = DEMO_CREDENTIALS
    mine = {"clientId": by.client_id, "apiKey": by.api_key, "sha": by.signature()}
    return {**body, "owner": DEMO_OWNER, "requestTime": 1_767_225_600_000, **mine}


async def send_all(simulator: Simulator, path: str, body: Any, *, is_signed: bool) -> None:
    transport = httpx.ASGITransport(app=simulator)  # raises what the application raises
    headers = {} if is_signed else {"API-KEY": DEMO_PRODUCTS_KEY}
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator", headers=headers) as http:
        for place in places(body):
            for odd in ODD:
                changed = put(body, place, odd)
                answer = await http.post(path, json=signed(changed) if is_signed else changed)
                assert answer.status_code < 500, changed
    for each in (simulator.contacts, simulator.products, simulator.jobs, simulator.requests):
        assert isinstance(each, Sequence)


async def test_documented_calls(catalogue: dict[str, dict[str, Any]], simulator: Simulator) -> None:
    for path, entry in catalogue.items():
        for body in entry["requests"][:1]:
            await send_all(simulator, f"/api/{path}", body, is_signed=True)
    assert simulator.contacts


async def test_calls_of_old_clients(simulator: Simulator) -> None:
    for path in LEGACY_HANDLERS:
        await send_all(simulator, f"/api/{path}", OF_LEGACY, is_signed=True)
    assert simulator.contacts


async def test_calls_of_products(simulator: Simulator) -> None:
    for path, body in CALLS:
        await send_all(simulator, path, body, is_signed=False)
    assert simulator.products
