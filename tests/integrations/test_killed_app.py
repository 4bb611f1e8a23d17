"""A sign-up app under load, killed repeatedly: every confirmed sign-up is in the account."""

import asyncio
import signal
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import anyio
import httpx
import pytest

from salesmanago_async import SalesManago
from tests.integrations.apps import Served, uvicorn_of
from tests.serving import serving

pytestmark = pytest.mark.ci

APP = """
from functools import partial
from typing import Annotated

from fastapi import FastAPI, Form

from salesmanago_async import Contact, SalesManago
from salesmanago_async.integrations.fastapi import ContactBuffer, with_salesmanago

make = partial(SalesManago.from_env, poll_interval=0.5)
app = FastAPI(lifespan=with_salesmanago(make, contacts={"journal": "signups.db", "max_delay": 0.25}))


@app.post("/sign-up", status_code=202)
async def sign_up(email: Annotated[str, Form()], contacts: ContactBuffer) -> None:
    await contacts.add(Contact(email=email, tags=["SIGN_UP"]))
"""
PER_SECOND = 200


@pytest.fixture
def environ() -> Iterator[Mapping[str, str]]:
    with serving(job_seconds=0.4) as environ:
        yield environ


async def sign_up_until_killed(app: Served, start: int, seconds: float) -> set[str]:
    """Send sign-ups for some seconds, then kill the app; return the confirmed ones."""
    confirmed: set[str] = set()
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=app.address, limits=limits, timeout=30) as client:

        async def sign_up(number: int) -> None:
            email = f"c{number}@example.com"
            try:
                answer = await client.post("/sign-up", data={"email": email})
            except httpx.TransportError:
                return
            if answer.status_code == 202:
                confirmed.add(email)

        async with anyio.create_task_group() as tasks:
            for number in range(start, start + int(PER_SECOND * seconds)):
                tasks.start_soon(sign_up, number)
                await anyio.sleep(1 / PER_SECOND)
            app.process.send_signal(signal.SIGKILL)
            for number in range(start + 10_000, start + 10_050):  # the app has ended
                tasks.start_soon(sign_up, number)
    return confirmed


async def missing(environ: Mapping[str, str], confirmed: set[str]) -> set[str]:
    async with SalesManago.from_env(environ) as sm:
        return confirmed - {contact.email for contact in await sm.contacts.get(sorted(confirmed))}


def test_no_confirmed_sign_up_is_lost(tmp_path: Path, environ: Mapping[str, str]) -> None:
    (tmp_path / "app.py").write_text(APP)
    confirmed: set[str] = set()
    for turn, seconds in enumerate([1.0, 1.6, 0.7]):
        with uvicorn_of("app:app", tmp_path, environ) as app:
            confirmed |= asyncio.run(sign_up_until_killed(app, start=20_000 * turn, seconds=seconds))
    assert len(confirmed) > 300
    with closing(sqlite3.connect(tmp_path / "signups.db")) as database:
        assert database.execute("SELECT count(*) FROM queue").fetchone()[0] > 0, "nothing was left to be lost"
    with uvicorn_of("app:app", tmp_path, environ) as app:
        app.end(signal.SIGTERM)
    assert asyncio.run(missing(environ, confirmed)) == set()
    with closing(sqlite3.connect(tmp_path / "signups.db")) as database:
        assert database.execute("SELECT count(*) FROM queue").fetchone()[0] == 0
