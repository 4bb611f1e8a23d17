"""Funnels of the simulated account, tested through the client, with virtual time."""

import anyio
import pytest

from salesmanago_async import Contact, Email, Funnel, Refused, SalesManago, Stage, Tag
from salesmanago_async.api.funnels import FunnelStage

pytestmark = pytest.mark.anyio

NAMES = ("ann", "bob", "cyd")
DELETED = 90.0
"""Seconds until a deletion takes effect, as for a job."""


def email(name: str) -> str:
    return f"{name}@example.com"


async def places(sm: SalesManago) -> dict[str, list[tuple[str | None, str | None]]]:
    """Return the funnel and the stage of each contact, by name."""
    found = await sm.contacts.get(map(email, NAMES))
    return {
        name: [(place.sales_funnel, place.sales_stage) for place in contact.contact_funnels]
        for name, contact in zip(NAMES, found, strict=True)
    }


async def counts(sm: SalesManago, funnel: str, *stages: str) -> list[int | None]:
    """Return how many contacts are in the funnel, and at each stage."""
    return [(await sm.funnels.count(funnel, stage=stage)).count for stage in (None, *stages)]


@pytest.fixture
async def funnels(sm: SalesManago) -> dict[str, str]:
    """Two funnels, and three contacts in none; returns the ids of the contacts."""
    for funnel in ("Leads", "Deals"):
        answer = await sm.funnels.add(funnel, stages=[FunnelStage("new", 1), FunnelStage("warm", 2)])
        assert answer.message == (f"Funnel {funnel} was added.",)
    made = {name: await sm.contacts.upsert(Contact(email=email(name), tags=[name, "ALL"])) for name in NAMES}
    return {name: str(upserted.contact_id) for name, upserted in made.items()}


async def test_contacts_are_at_one_stage_of_each_funnel(sm: SalesManago, funnels: dict[str, str]) -> None:
    chosen = [Email(email("ann"), email("bob"), "nobody@example.com")]
    added = await sm.funnels.add_contact(chosen, funnel="Leads", stage="new")
    assert added.added_contacts == {funnels["ann"]: True, funnels["bob"]: True}
    await sm.funnels.add_contact([Tag("ann")], funnel="Deals", stage="warm")
    await sm.funnels.add_contact([Tag("bob")], funnel="Leads", stage="warm", pot_value=4)
    assert await places(sm) == {"ann": [("Leads", "new"), ("Deals", "warm")], "bob": [("Leads", "warm")], "cyd": []}
    assert await counts(sm, "Leads", "new", "warm") == [2, 1, 1]
    assert await counts(sm, "Deals", "new", "warm") == [1, 0, 1]


async def test_funnels_and_stages_select_contacts(sm: SalesManago, funnels: dict[str, str]) -> None:
    await sm.funnels.add_contact([Tag("ALL")], funnel="Leads", stage="new")
    await sm.funnels.add_contact([Tag("ann")], funnel="Leads", stage="warm")
    moved = await sm.funnels.add_contact([Stage("Leads", "new")], funnel="Deals", stage="new")
    assert moved.added_contacts.keys() == {funnels["bob"], funnels["cyd"]}
    moved = await sm.funnels.add_contact([Funnel("Leads")], funnel="Deals", stage="warm")
    assert moved.added_contacts.keys() == set(funnels.values())
    assert await counts(sm, "Deals", "new", "warm") == [3, 0, 3]


async def test_ids_of_funnels_and_stages_differ_and_stay(sm: SalesManago, funnels: dict[str, str]) -> None:
    seen: set[tuple[str | None, ...]] = set()
    for funnel, stage in (("Leads", "new"), ("Leads", "warm"), ("Deals", "new"), ("Leads", "new")):
        await sm.funnels.add_contact([Tag("ann")], funnel=funnel, stage=stage)
        (contact,) = await sm.contacts.get([email("ann")])
        seen |= {(place.sales_funnel, place.sales_funnel_id) for place in contact.contact_funnels}
        seen |= {(place.sales_funnel, place.sales_stage, place.sales_stage_id) for place in contact.contact_funnels}
    ids = [entry[-1] for entry in seen]
    assert len(ids) == 5
    assert len(set(ids)) == 5
    assert all(ids)


@pytest.mark.parametrize(("modify", "seconds"), [(None, 0), (False, 0), (True, 10)])
@pytest.mark.usefixtures("funnels")
async def test_contacts_are_modified_only_on_request(modify: bool | None, seconds: int, sm: SalesManago) -> None:
    (before,) = await sm.contacts.get([email("ann")])
    await anyio.sleep(10)
    await sm.funnels.add_contact([Tag("ann")], funnel="Leads", stage="new", modify=modify)
    (after,) = await sm.contacts.get([email("ann")])
    assert before.modified_on
    assert after.modified_on
    assert (after.modified_on - before.modified_on).total_seconds() == seconds


@pytest.mark.usefixtures("funnels")
async def test_a_stage_is_deleted_a_little_later_with_its_contacts(sm: SalesManago) -> None:
    await sm.funnels.add_contact([Tag("ALL")], funnel="Leads", stage="new")
    await sm.funnels.add_contact([Tag("ann")], funnel="Leads", stage="warm")
    answer = await sm.funnels.delete("Leads", stage="new")
    assert answer.message == ("Specified funnel stage will be deleted in a few seconds",)
    assert await counts(sm, "Leads", "new", "warm") == [3, 2, 1]
    await anyio.sleep(DELETED)
    assert await places(sm) == {"ann": [("Leads", "warm")], "bob": [], "cyd": []}
    assert await counts(sm, "Leads", "warm") == [1, 1]
    with pytest.raises(Refused, match="Stage new does not exist in funnel Leads"):
        await sm.funnels.add_contact([Tag("bob")], funnel="Leads", stage="new")


@pytest.mark.usefixtures("funnels")
async def test_a_funnel_can_be_deleted_and_added_again(sm: SalesManago) -> None:
    await sm.funnels.add_contact([Tag("ALL")], funnel="Leads", stage="new")
    await sm.funnels.add_contact([Tag("ann")], funnel="Deals", stage="new")
    await sm.funnels.delete("Leads")
    await sm.funnels.delete("Leads")
    await anyio.sleep(DELETED)
    assert await places(sm) == {"ann": [("Deals", "new")], "bob": [], "cyd": []}
    with pytest.raises(Refused, match="Funnel Leads does not exist"):
        await sm.funnels.count("Leads")
    await sm.funnels.add("Leads", stages=[FunnelStage("only", 1)])
    assert await counts(sm, "Leads", "only") == [0, 0]


@pytest.mark.usefixtures("funnels")
async def test_missing_and_duplicate_funnels_are_refused(sm: SalesManago) -> None:
    for call in (
        sm.funnels.add("Leads", stages=[FunnelStage("new", 1)]),
        sm.funnels.add("Twins", stages=[FunnelStage("one", 1), FunnelStage("one", 2)]),
        sm.funnels.add_contact([Tag("ALL")], funnel="Nosuch", stage="new"),
        sm.funnels.add_contact([Tag("ALL")], funnel="Leads", stage="nosuch"),
        sm.funnels.count("Leads", stage="nosuch"),
        sm.funnels.delete("Nosuch"),
        sm.funnels.delete("Leads", stage="nosuch"),
    ):
        with pytest.raises(Refused):
            await call
    await anyio.sleep(DELETED)
    assert await places(sm) == {"ann": [], "bob": [], "cyd": []}
    assert await counts(sm, "Leads", "new", "warm") == [0, 0, 0]
