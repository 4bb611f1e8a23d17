"""Loyalty programs of the simulated account, tested through the client."""

from typing import Any

import pytest

from salesmanago_async import Contact, Email, Refused, SalesManago, Tag

pytestmark = pytest.mark.anyio

ANN, BOB = "ann@example.com", "bob@example.com"
CLUB: dict[str, Any] = {"loyalty_program": "Club"}


@pytest.fixture(autouse=True)
async def contacts(sm: SalesManago) -> None:
    """Two contacts, both tagged ALL."""
    for email in (ANN, BOB):
        await sm.contacts.upsert(Contact(email=email, tags=["ALL"]))


async def points(sm: SalesManago, email: str = ANN, program: str = "Club") -> int | None:
    """Return the contact's points; None if it is not a member."""
    try:
        return (await sm.loyalty.get_points(email, loyalty_program=program)).points
    except Refused:
        return None


async def test_members_begin_at_0_and_gain_and_lose_points(sm: SalesManago) -> None:
    await sm.loyalty.add_contact([Tag("ALL")], **CLUB)
    assert [await points(sm), await points(sm, BOB)] == [0, 0]
    await sm.loyalty.modify_points([Tag("ALL")], points=12, modification_type="ADD", comment="welcome", **CLUB)
    await sm.loyalty.modify_points([Email(BOB)], points=5, modification_type="SUBTRACT", **CLUB)
    assert [await points(sm), await points(sm, BOB)] == [12, 7]


async def test_programs_are_independent(sm: SalesManago) -> None:
    await sm.loyalty.add_contact([Email(ANN)], **CLUB)
    await sm.loyalty.add_contact([Email(ANN)], loyalty_program="Gold")
    await sm.loyalty.modify_points([Email(ANN)], points=3, modification_type="ADD", **CLUB)
    assert [await points(sm), await points(sm, program="Gold"), await points(sm, program="Tin")] == [3, 0, None]


async def test_only_members_have_points(sm: SalesManago) -> None:
    await sm.loyalty.add_contact([Email(ANN)], **CLUB)
    await sm.loyalty.modify_points([Tag("ALL")], points=3, modification_type="ADD", **CLUB)
    assert [await points(sm), await points(sm, BOB)] == [3, None]
    for email in (BOB, "nobody@example.com"):
        with pytest.raises(Refused, match="not in the loyalty program"):
            await sm.loyalty.get_points(email, **CLUB)


async def test_joining_again_keeps_the_points_and_leaving_loses_them(sm: SalesManago) -> None:
    for _ in range(2):
        await sm.loyalty.add_contact([Email(ANN)], **CLUB)
        await sm.loyalty.modify_points([Email(ANN)], points=3, modification_type="ADD", **CLUB)
    assert await points(sm) == 6
    for _ in range(2):
        await sm.loyalty.remove_contact([Tag("ALL")], **CLUB)
        assert await points(sm) is None
    await sm.loyalty.add_contact([Email(ANN)], **CLUB)
    assert await points(sm) == 0


async def test_an_unknown_modification_is_refused(sm: SalesManago) -> None:
    await sm.loyalty.add_contact([Email(ANN)], **CLUB)
    with pytest.raises(Refused, match="modificationType"):
        await sm.loyalty.modify_points([Email(ANN)], points=3, modification_type="DOUBLE", **CLUB)
    assert await points(sm) == 0
