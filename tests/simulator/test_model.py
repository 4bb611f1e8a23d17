"""Random sequences of calls, compared with a model in plain dicts.

A step is a function of the client and the model: it makes a call, and applies the expected effect to the model. A call
that the model forbids must be refused.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from datetime import UTC, datetime
from random import Random
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async import Contact, Email, ExternalEvent, Funnel, Refused, SalesManago, Selector, Stage, Tag
from salesmanago_async.api.contact_details import ContactDetails
from salesmanago_async.api.funnels import FunnelStage
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, DEMO_PRODUCTS_KEY, Simulator
from tests.conftest import VirtualTimeLoop, examples, wall_clock
from tests.simulator.product_model import (
    EMPTY,
    SETTINGS,
    add_catalog,
    add_collection,
    compare_products,
    steps_for,
    upsert_products,
)

pytestmark = pytest.mark.ci

Model = dict[str, Any]
Step = Callable[[SalesManago, Model], Awaitable[None]]

EMAILS = ("ann@example.com", "bob@example.com", "cyd@example.com")
TAGS = ("A", "B", "C")
FUNNELS = ("Leads", "Deals")
STAGES = ("new", "warm", "won")
CODES = ("CODE-1", "CODE-2")
PROGRAMS = ("Club", "Gold")
JOB_SECONDS = 10.0
NOON_MS = 1714564800000


def nothing() -> Model:
    """An empty account; `contacts` by address, `funnels` with their stages by name; see product_model for the rest."""
    return {"contacts": {}, "funnels": {}, **deepcopy(EMPTY)}


def new_contact() -> Model:
    """An empty contact; only members of a program have `points` for it."""
    return {"tags": Counter[str](), "events": {}, "coupons": [], "funnels": {}, "points": {}}


@asynccontextmanager
async def refused_unless(allowed: object) -> AsyncIterator[None]:
    """Compare the success of a call with the model."""
    if allowed:
        yield
    else:
        with pytest.raises(Refused):
            yield


def upsert(email: str, tags: frozenset[str], removed: frozenset[str]) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        await sm.contacts.upsert(Contact(email=email, tags=sorted(tags), remove_tags=sorted(removed)))
        given = model["contacts"].setdefault(email, new_contact())["tags"]
        given.update(tags)
        for tag in removed:
            given.pop(tag, None)

    return step


def content(number: int) -> dict[str, Any]:
    """Return the fields of an event; the number decides which ones it has."""
    fields = {"external_id": f"X{number % 2}", "value": float(number), "detail1": f"d{number}"}
    return dict(list(fields.items())[: number % 4])


def event(email: str, number: int) -> ExternalEvent:
    return ExternalEvent(email=email, date=NOON_MS, contact_ext_event_type="CART", **content(number))


def add_event(email: str, number: int) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        if email in model["contacts"]:  # an event without a contact would be added up to an hour later
            added = await sm.events.add(event(email, number))
            model["contacts"][email]["events"][added.event_id] = content(number)

    return step


def all_events(model: Model) -> list[tuple[str, Model]]:
    """Return the id of each event, with the events of its contact."""
    return [(event_id, contact["events"]) for contact in model["contacts"].values() for event_id in contact["events"]]


def update_event(which: int, number: int) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        for event_id, events in all_events(model)[which : which + 1]:
            await sm.events.update(event_id, event(EMAILS[0], number))
            events[event_id] = content(number)

    return step


def delete_event(which: int) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        for event_id, events in all_events(model)[which : which + 1]:
            await sm.events.delete(event_id)
            await anyio.sleep(JOB_SECONDS)
            del events[event_id]

    return step


def delete_events(external_id: str) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        await sm.events.delete(external_id=external_id)
        await anyio.sleep(JOB_SECONDS)
        for event_id, events in all_events(model):
            if events[event_id].get("external_id") == external_id:
                del events[event_id]

    return step


def add_coupon(email: str, code: str, seconds: int) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        expires = int(wall_clock() + seconds)
        contact = model["contacts"].get(email)
        async with refused_unless(contact):
            await sm.coupons.add(email, name="spring", coupon=code, valid=expires * 1000)
            contact["coupons"].append({"code": code, "expires": expires, "used": False})

    return step


def usable(contact: Model | None, code: str) -> list[Model]:
    """Return the coupons with that code that the contact can use now."""
    held = [coupon for coupon in (contact or new_contact())["coupons"] if coupon["code"] == code]
    return [coupon for coupon in held if not coupon["used"] and coupon["expires"] > wall_clock()]


def use_coupon(email: str, code: str) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        coupons = usable(model["contacts"].get(email), code)
        async with refused_unless(coupons):
            await sm.coupons.use(email, coupon=code)
            coupons[0]["used"] = True

    return step


def add_funnel(funnel: str, count: int) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        stages = STAGES[:count]
        async with refused_unless(funnel not in model["funnels"]):
            await sm.funnels.add(funnel, stages=[FunnelStage(name, place + 1) for place, name in enumerate(stages)])
            model["funnels"][funnel] = set(stages)

    return step


def chosen(model: Model, selector: Selector) -> list[Model]:
    """Return the contacts that a selector should match."""
    picks: dict[type[Selector], Callable[[str, Model], bool]] = {
        Email: lambda email, _: email in selector.values,
        Tag: lambda _, contact: any(tag in contact["tags"] for tag in selector.values),
        Funnel: lambda _, contact: any(funnel in contact["funnels"] for funnel in selector.values),
        Stage: lambda _, contact: contact["funnels"].get(getattr(selector, "funnel", None)) in selector.values,
    }
    return [contact for email, contact in model["contacts"].items() if picks[type(selector)](email, contact)]


def add_to_funnel(selector: Selector, funnel: str, stage: str) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        async with refused_unless(stage in model["funnels"].get(funnel, ())):
            answer = await sm.funnels.add_contact([selector], funnel=funnel, stage=stage)
            contacts = chosen(model, selector)
            assert len(answer.added_contacts) == len(contacts)
            for contact in contacts:
                contact["funnels"][funnel] = stage

    return step


def delete_funnel(funnel: str, stage: str | None) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        known = model["funnels"].get(funnel, ())
        async with refused_unless(funnel in model["funnels"] if stage is None else stage in known):
            await sm.funnels.delete(funnel, stage=stage)
            await anyio.sleep(JOB_SECONDS)
            for contact in model["contacts"].values():
                if stage in (None, contact["funnels"].get(funnel)):
                    contact["funnels"].pop(funnel, None)
            if stage is None:
                del model["funnels"][funnel]
            else:
                known.remove(stage)

    return step


def join(selector: Selector, program: str) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        await sm.loyalty.add_contact([selector], loyalty_program=program)
        for contact in chosen(model, selector):
            contact["points"].setdefault(program, 0)

    return step


def leave(selector: Selector, program: str) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        await sm.loyalty.remove_contact([selector], loyalty_program=program)
        for contact in chosen(model, selector):
            contact["points"].pop(program, None)

    return step


def change_points(selector: Selector, program: str, points: int) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        kind = "ADD" if points > 0 else "SUBTRACT"
        await sm.loyalty.modify_points([selector], loyalty_program=program, points=abs(points), modification_type=kind)
        for contact in chosen(model, selector):
            if program in contact["points"]:
                contact["points"][program] += points

    return step


def wait(seconds: int) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        await anyio.sleep(seconds)

    return step


email, tag, funnel, stage, code = (st.sampled_from(known) for known in (EMAILS, TAGS, FUNNELS, STAGES, CODES))
program, number, few_tags = st.sampled_from(PROGRAMS), st.integers(0, 7), st.frozensets(tag)
selector = st.one_of(
    st.builds(Email, email),
    st.builds(Tag, tag),
    st.builds(Tag, tag, tag),
    st.builds(Funnel, funnel),
    st.builds(Stage, funnel, stage),
)
contact_steps = st.one_of(
    st.builds(upsert, email, few_tags, few_tags),
    st.builds(upsert, email, few_tags, st.just(frozenset())),
    st.builds(add_event, email, number),
    st.builds(update_event, st.integers(0, 2), number),
    st.builds(delete_event, st.integers(0, 2)),
    st.builds(delete_events, st.sampled_from(("X0", "X1"))),
)
coupon_steps = st.one_of(
    st.builds(add_coupon, email, code, st.integers(1, 40)),
    st.builds(use_coupon, email, code),
    st.builds(wait, st.integers(1, 20)),
)
funnel_steps = st.one_of(
    st.builds(add_funnel, funnel, st.integers(1, len(STAGES))),
    st.builds(add_to_funnel, st.builds(Email, email), funnel, stage),
    st.builds(add_to_funnel, selector, funnel, stage),
    st.builds(delete_funnel, funnel, st.none() | stage),
)
loyalty_steps = st.one_of(
    st.builds(join, selector, program),
    st.builds(leave, selector, program),
    st.builds(change_points, selector, program, st.integers(-9, 9).filter(bool)),
)
product_steps = steps_for(email)
steps = st.one_of(contact_steps, coupon_steps, funnel_steps, loyalty_steps, product_steps)
POPULATION: list[Step] = [
    upsert(EMAILS[0], frozenset("A"), frozenset()),
    upsert(EMAILS[1], frozenset("AB"), frozenset()),
    add_funnel("Leads", len(STAGES)),
    add_to_funnel(Tag("A"), "Leads", "new"),
    add_event(EMAILS[0], 3),
    join(Tag("B"), "Club"),
    change_points(Tag("B"), "Club", 5),
    add_catalog("Main", "shop_de"),
    upsert_products(0, ["P1", "P2"], 3),
    add_collection("Main", 0),
]
"""Steps that usually come first, so that the others have something to work on."""
first_steps = st.sampled_from([POPULATION, POPULATION, []])


async def compare(sm: SalesManago, model: Model) -> None:
    """Compare everything in the account with the model."""
    listed = {contact.email: contact for contact in await sm.contacts.get(EMAILS)}
    assert listed.keys() == model["contacts"].keys()
    for email, contact in model["contacts"].items():
        compare_contact(listed[email], contact)
        await compare_by_calls(sm, email, contact)
    tagged = Counter(tag for contact in model["contacts"].values() for tag in contact["tags"])
    assert {tag.tag: tag.number_of_tagged for tag in (await sm.tags.list(show_system_tags=True)).tags} == tagged
    for funnel in FUNNELS:
        await compare_funnel(sm, funnel, model)


def compare_contact(listed: ContactDetails, contact: Model) -> None:
    assert {tag.tag_name: tag.score for tag in listed.contact_tags} == contact["tags"]
    assert {place.sales_funnel: place.sales_stage for place in listed.contact_funnels} == contact["funnels"]
    assert len(listed.contact_funnels) == len(contact["funnels"])
    names = ("external_id", "value", "detail1")
    assert {event.event_id: [getattr(event, name) for name in names] for event in listed.contact_ext_events} == {
        event_id: [fields.get(name) for name in names] for event_id, fields in contact["events"].items()
    }
    assert [(coupon.coupon, coupon.valid_to, coupon.used) for coupon in listed.coupons] == [
        (coupon["code"], datetime.fromtimestamp(coupon["expires"], UTC), coupon["used"])
        for coupon in contact["coupons"]
    ]


async def compare_by_calls(sm: SalesManago, email: str, contact: Model) -> None:
    for code in CODES:
        answer = await sm.coupons.verify(code, coupon_name="spring", email=email)
        assert answer.valid == bool(usable(contact, code))
    for program in PROGRAMS:
        async with refused_unless(program in contact["points"]):
            held = await sm.loyalty.get_points(email, loyalty_program=program)
            assert held.points == contact["points"][program]


async def compare_funnel(sm: SalesManago, funnel: str, model: Model) -> None:
    places = Counter(contact["funnels"].get(funnel) for contact in model["contacts"].values())
    async with refused_unless(funnel in model["funnels"]):
        assert (await sm.funnels.count(funnel)).count == places.total() - places[None]
    for stage in STAGES:
        async with refused_unless(stage in model["funnels"].get(funnel, ())):
            assert (await sm.funnels.count(funnel, stage=stage)).count == places[stage]


async def play(script: list[Step]) -> None:
    simulator = Simulator(clock=wall_clock, job_seconds=JOB_SECONDS, products=SETTINGS)
    model = nothing()
    async with SalesManago(
        DEMO_CREDENTIALS,
        owner=DEMO_OWNER,
        products_key=DEMO_PRODUCTS_KEY,
        transport=httpx.ASGITransport(app=simulator),
        clock=wall_clock,
        random=Random(7),
    ) as sm:
        for step in script:
            await step(sm, model)
        await compare(sm, model)
        await compare_products(sm, simulator, model)


@settings(max_examples=examples(120), deadline=None)
@given(first_steps, st.lists(steps, min_size=10, max_size=40))
def test_the_account_matches_a_plain_model(first: list[Step], then: list[Step]) -> None:
    anyio.run(play, [*first, *then], backend_options={"loop_factory": VirtualTimeLoop})


@settings(max_examples=examples(80), deadline=None)
@given(first_steps, st.lists(st.one_of(product_steps, contact_steps), min_size=10, max_size=40))
def test_catalogues_match_a_plain_model(first: list[Step], then: list[Step]) -> None:
    anyio.run(play, [*first, *then], backend_options={"loop_factory": VirtualTimeLoop})
