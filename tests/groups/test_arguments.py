"""Common mistakes in calls: a single value instead of a list, missing arguments, a block that is not entered."""

import re
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from salesmanago_async import Invalid, SalesManago, Tag
from salesmanago_async.simulator import Fault, Simulator
from tests.conftest import MakeClient

pytestmark = pytest.mark.anyio


@pytest.fixture
async def sm(make_client: MakeClient) -> AsyncGenerator[SalesManago]:
    async with make_client(Simulator(job_seconds=0.0), poll_interval=1.0) as client:
        await client.contacts.upsert_many([{"email": f"{name}@example.com", "tags": ["T"]} for name in "abc"])
        yield client


@pytest.mark.sampled
@pytest.mark.parametrize(
    "given", ["a@example.com", "a@example.com, b@example.com", ["a@example.com"], {"a@example.com"}]
)
async def test_a_single_address_may_be_passed_instead_of_a_list(sm: SalesManago, given: Any) -> None:
    found = await sm.contacts.get(given)
    assert [contact.email for contact in found] == ["a@example.com", "b@example.com"][: str(given).count("@")]
    again = await sm.contacts.get_by_id(found[0].id or "")
    assert [contact.id for contact in again] == [found[0].id]


async def test_a_single_selector_or_job_may_be_passed_instead_of_a_list(sm: SalesManago) -> None:
    job = await sm.contacts.export([Tag("T")])
    async with sm.jobs.as_completed(job) as finished:
        assert [one.request_id async for one in finished] == [job.request_id]
    await sm.contacts.delete_many(Tag("T"))
    assert not (await sm.contacts.has("a@example.com")).result
    with pytest.raises(Invalid, match="not a selector; give Email"):
        await sm.contacts.delete_many("a@example.com")  # type: ignore[arg-type]  # pyright: ignore


async def test_tags_are_listed_without_those_of_the_system_unless_asked_for(sm: SalesManago) -> None:
    assert [tag.tag for tag in (await sm.tags.list()).tags] == ["T"]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda sm: sm.contacts.has(), r"contacts\.has\(\) missing 1 required"),
        (lambda sm: sm.contacts.has("a@example.com", ownr="x"), r"contacts\.has\(\) got an unexpected .*'ownr'"),
        (lambda sm: sm.web_push.forms(1, 2, 3), r"web_push\.forms\(\) takes"),
    ],
)
async def test_an_error_of_arguments_names_the_method(sm: SalesManago, call: Callable[[Any], Any], name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name}"):
        await call(sm)


BLOCKS: dict[str, Callable[[SalesManago], Any]] = {
    "outcomes": lambda sm: sm.contacts.upserting([]),
    "outcomes of events": lambda sm: sm.events.adding([]),
    "records": lambda sm: sm.jobs.attach(1).records(),
    "chunks": lambda sm: sm.jobs.attach(1).stream(),
    "finished": lambda sm: sm.jobs.as_completed([]),
    "contacts": lambda sm: sm.contacts.export_all(),
    "contacts modified": lambda sm: sm.contacts.export_modified(0),
}


@pytest.mark.parametrize("name", BLOCKS)
async def test_a_block_that_is_iterated_or_awaited_says_how_it_is_entered(sm: SalesManago, name: str) -> None:
    hint = f"use `async with .* as {name.split()[0]}`"
    with pytest.raises(TypeError, match=hint):
        async for _ in BLOCKS[name](sm):
            pass
    with pytest.raises(TypeError, match=hint):
        await BLOCKS[name](sm)


async def test_a_block_is_opened_once(sm: SalesManago) -> None:
    block = sm.contacts.upserting([])
    async with block:
        pass
    with pytest.raises(RuntimeError, match="opened before"):
        async with block:
            pass


def test_a_status_is_a_fault_as_on_the_command_line() -> None:
    assert Fault("503", path="contact/upsert") == Fault("status", path="contact/upsert", status=503)
    assert Fault("503", at=[1, 3], retry_after=2) == Fault.parse("503,at=1;3,retry-after=2")
    for wrong, reason in [("999", "from 400 to 599"), ("50x", "must be one of"), ("5", "must be one of")]:
        with pytest.raises(Invalid, match=reason):
            Fault(wrong)
    with pytest.raises(Invalid, match="given twice"):
        Fault("503", status=502)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda sm: sm.contacts.upsert_many([], path="contact/upsert"), "'path'"),
        (lambda sm: sm.events.add_many([], tags=["VIP"]), "'tags'"),
        (lambda sm: sm.contacts.upsert_many([], tag="VIP"), "'tag'; did you mean 'tags'?"),
        (lambda sm: sm.contacts.buffer(path="contact/upsert"), "'path'"),
        (lambda sm: sm.events.buffer(tags=["VIP"]), "'tags'"),
        (lambda sm: sm.events.buffer(max_delays=1), "'max_delays'; did you mean 'max_delay'?"),
    ],
)
async def test_a_foreign_option_is_refused_before_anything_is_read(
    sm: SalesManago, call: Callable[[SalesManago], Any], said: str
) -> None:
    with pytest.raises(TypeError, match=f"^there is no option {re.escape(said)}$"):
        await call(sm)
