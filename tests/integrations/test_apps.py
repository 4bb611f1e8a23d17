"""The apps of the README and of docstrings as pasted: in processes of their own, before a simulator on a socket."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from salesmanago_async import SalesManago
from salesmanago_async.integrations.fastapi import Client, ContactBuffer, EventBuffer, with_salesmanago
from tests.integrations.apps import Served, free_port, running, uvicorn_of
from tests.readme import docstring_example, readme_example
from tests.serving import serving

pytestmark = pytest.mark.ci

Environ = Mapping[str, str]


@pytest.fixture
def environ() -> Iterator[Environ]:
    with serving(job_seconds=0.1) as environ:
        yield environ


def found(environ: Environ, email: str) -> Any:
    """Return the contact in the account, or None."""

    async def ask() -> Any:
        async with SalesManago.from_env(environ) as sm:
            return next(iter(await sm.contacts.get([email])), None)

    return asyncio.run(ask())


@pytest.fixture
def fastapi_shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(docstring_example("integrations/fastapi.py"))
    return tmp_path


@pytest.fixture
def aiohttp_shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(docstring_example("integrations/aiohttp.py"))
    return tmp_path


def sign_up(shop: Served, email: str = "ann@example.com") -> httpx.Response:
    return httpx.post(f"{shop.address}/sign-up", data={"email": email, "name": "Ann"}, timeout=30)


def test_the_readmes_app_from_the_form_to_the_account(tmp_path: Path, environ: Environ) -> None:
    (tmp_path / "shop.py").write_text(readme_example("with_salesmanago("))
    with uvicorn_of("shop:app", tmp_path, environ) as shop:
        assert sign_up(shop).status_code == 202
        assert sign_up(shop, "nobody").status_code == 422
        shop.end(signal.SIGTERM)
    assert found(environ, "ann@example.com").name == "Ann"


def test_fastapi_from_the_form_to_the_purchase(fastapi_shop: Path, environ: Environ) -> None:
    with uvicorn_of("shop:app", fastapi_shop, environ) as shop:
        assert 'action="/sign-up"' in httpx.get(shop.address).text
        answer = sign_up(shop)
        contact_id = answer.cookies["smclient"]
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "httponly" not in answer.headers["set-cookie"].lower()
        bought = httpx.post(f"{shop.address}/purchase", data={"product": "p07"}, cookies={"smclient": contact_id})
        assert bought.status_code == 303
        assert shop.end(signal.SIGTERM) in {0, -signal.SIGTERM}  # before the delay of the buffer has passed
    contact = found(environ, "ann@example.com")
    assert contact.id == contact_id
    [event] = contact.contact_ext_events
    assert (event.contact_ext_event_type, event.products) == ("PURCHASE", "p07")


def test_fastapi_reports_what_is_wrong_with_a_form(fastapi_shop: Path, environ: Environ) -> None:
    with uvicorn_of("shop:app", fastapi_shop, environ) as shop:
        answer = sign_up(shop, "nobody")
        assert (answer.status_code, "email" in answer.text) == (422, True)


def test_a_sign_up_while_the_server_is_away_is_sent_when_it_is_back(fastapi_shop: Path, environ: Environ) -> None:
    port = free_port()
    away = {**environ, "SALESMANAGO_BASE_URL": f"http://127.0.0.1:{port}"}
    with uvicorn_of("shop:app", fastapi_shop, away) as shop:
        answer = sign_up(shop)
        assert (answer.status_code, "set-cookie" in answer.headers) == (303, False)
        shop.end(signal.SIGKILL)
    with serving(port=port, job_seconds=0.1) as back:
        assert found(back, "ann@example.com") is None
        with uvicorn_of("shop:app", fastapi_shop, back) as shop:
            shop.end(signal.SIGTERM)
        assert found(back, "ann@example.com").name == "Ann"


def test_a_name_may_be_left_out(fastapi_shop: Path, environ: Environ) -> None:
    with uvicorn_of("shop:app", fastapi_shop, environ) as shop:
        answer = httpx.post(f"{shop.address}/sign-up", data={"email": "bob@example.com", "name": ""})
        assert (answer.status_code, "smclient" in answer.cookies) == (303, True)


def test_several_workers_do_not_interfere(fastapi_shop: Path, environ: Environ) -> None:
    port = free_port()
    command = ["-m", "uvicorn", "--log-level", "warning", "--workers", "2", "--port", str(port), "shop:app"]
    with running(command, port, fastapi_shop, environ) as shop:
        for number in range(20):
            assert sign_up(shop, f"c{number}@example.com").cookies["smclient"]
        shop.end(signal.SIGTERM)
    assert {path.name for path in fastapi_shop.glob("signups*.db")} == {"signups.db", "signups.2.db"}
    assert found(environ, "c19@example.com")


def test_aiohttp_from_the_form_to_the_purchase(aiohttp_shop: Path, environ: Environ) -> None:
    port = free_port()
    source = (aiohttp_shop / "shop.py").read_text()
    (aiohttp_shop / "shop.py").write_text(source.replace("run_app(app)", f"run_app(app, port={port})"))
    with running(["shop.py"], port, aiohttp_shop, environ) as shop:
        assert 'action="/sign-up"' in httpx.get(shop.address).text
        answer = sign_up(shop)
        assert sign_up(shop, "nobody").status_code == 422
        assert httpx.post(f"{shop.address}/sign-up").status_code == 422
        cookies = {"smclient": answer.cookies["smclient"]}
        assert httpx.post(f"{shop.address}/purchase", data={"product": "p07"}, cookies=cookies).status_code == 303
        assert shop.end(signal.SIGTERM) in {0, -signal.SIGTERM}
    assert answer.status_code == 303
    contact = found(environ, "ann@example.com")
    assert contact.id == answer.cookies["smclient"]
    assert [event.products for event in contact.contact_ext_events] == ["p07"]


def test_livechat_over_a_restart(tmp_path: Path, environ: Environ) -> None:
    (tmp_path / "chats.py").write_text(docstring_example("integrations/livechat/__init__.py"))
    thread = {"id": "T1", "created_at": "2026-11-01T10:00:00Z"}
    customer = {"id": "C1", "type": "customer", "name": "Ann", "email": "ann@example.com"}
    delivery = {
        "secret_key": "s3cret",
        "action": "incoming_chat",
        "payload": {"chat": {"id": "CH1", "users": [customer], "thread": thread}},
    }
    environ = {**environ, "LIVECHAT_SECRET": "s3cret"}
    for _ in range(2):
        with uvicorn_of("chats:app", tmp_path, environ) as app:
            for _ in range(2):
                assert httpx.post(f"{app.address}/livechat/", json=delivery).status_code == 200
            wrong = httpx.post(f"{app.address}/livechat/", json={**delivery, "secret_key": "guess"})
            assert wrong.status_code == 403
            app.end(signal.SIGTERM)
    contact = found(environ, "ann@example.com")
    assert [(tag.tag, tag.score) for tag in contact.contact_tags] == [("LIVECHAT_INC", 1)]
    [event] = contact.contact_ext_events
    assert (event.contact_ext_event_type, event.detail3) == ("MEETING", "C1")


def test_later_problems_of_products(tmp_path: Path) -> None:
    (tmp_path / "hook.py").write_text(docstring_example("integrations/product_problems.py"))
    problems = {"problems": [{"reasonCode": 13, "message": "products[0].name|Missing"}]}
    with uvicorn_of("hook:app", tmp_path, {"PRODUCTS_TOKEN": "s3cret"}) as app:
        hook = f"{app.address}/product-problems/"
        statuses = [
            httpx.post(hook, params={"token": token}, json=problems).status_code for token in ("s3cret", "guess")
        ]
    assert statuses == [200, 403]


def test_one_app_in_several_event_loops_has_a_client_in_each(monkeypatch: pytest.MonkeyPatch, environ: Environ) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    clients: list[SalesManago] = []
    app = FastAPI(lifespan=with_salesmanago(partial(SalesManago.from_env, poll_interval=0.1)))

    @app.get("/{number}")
    async def ask(number: int, sm: Client, contacts: ContactBuffer, events: EventBuffer) -> str | None:
        clients.append(sm)
        person = {"email": f"c{number}@example.com"}
        await contacts.add(person)
        await events.add({**person, "date": 1_700_000_000_000, "contactExtEventType": "VISIT"})
        return sm.owner

    async def serve(number: int) -> None:
        async with app.router.lifespan_context(app) as state:
            transport = httpx.ASGITransport(_with_state(app, state))
            async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
                assert (await client.get(f"/{number}")).json() == environ["SALESMANAGO_OWNER"]

    for number in range(2):
        asyncio.run(serve(number))
    assert len(set(map(id, clients))) == 2
    assert [found(environ, f"c{number}@example.com").email for number in range(2)] == [
        "c0@example.com",
        "c1@example.com",
    ]


def _with_state(app: Any, state: Any) -> Any:
    """Add the state of the lifespan to each request, as a server does."""

    async def served(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": dict(state)}, receive, send)

    return served


@pytest.fixture(scope="module")
def imported() -> list[str]:
    """What is there once the client is imported."""
    code = "import sys; from salesmanago_async import SalesManago; print(*sys.modules, sep='\\n')"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.parametrize(
    "module", ["fastapi", "aiohttp", "starlette", "salesmanago_async.buffers", "salesmanago_async.integrations"]
)
def test_nothing_of_this_is_imported_unless_it_is_used(module: str, imported: list[str]) -> None:
    assert "salesmanago_async.client" in imported
    assert module not in imported
