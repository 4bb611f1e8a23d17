"""Coupons of the simulated account, tested through the client, with virtual time."""

from datetime import timedelta

import anyio
import pytest

from salesmanago_async import Contact, Email, Refused, SalesManago
from salesmanago_async.api.contact_details import ContactCoupon
from salesmanago_async.simulator import DEMO_OWNER

pytestmark = pytest.mark.anyio

ANN, BOB = "ann@example.com", "bob@example.com"
DAY = 24 * 60 * 60.0


async def coupons(sm: SalesManago, email: str = ANN) -> tuple[ContactCoupon, ...]:
    (found,) = await sm.contacts.get([email])
    return found.coupons


async def verdict(sm: SalesManago, code: str, **of: str | None) -> tuple[bool | None, str | None, bool | None]:
    answer = await sm.coupons.verify(code, coupon_name="spring", **of)
    return answer.valid, answer.reason, answer.sent


async def test_a_coupon_code_is_kept_and_shown_for_a_year(sm: SalesManago) -> None:
    await sm.contacts.upsert(Contact(email=ANN))
    added = await sm.coupons.add(ANN, name="spring", coupon="SPRING-1", length=20)
    assert added.coupon == "SPRING-1", "the code takes precedence"
    (coupon,) = await coupons(sm)
    assert (coupon.name, coupon.coupon, coupon.used) == ("spring", "SPRING-1", False)
    (found,) = await sm.contacts.get([ANN])
    assert coupon.valid_to
    assert found.created_on
    assert coupon.valid_to - found.created_on == timedelta(days=365)
    job = await sm.contacts.export([Email(ANN)], ["COUPONS"])
    async with job.records() as records:
        ((exported,),) = [record.coupons_data async for record in records]
    assert exported == coupon


async def test_a_generated_code_has_the_length_and_is_new(sm: SalesManago) -> None:
    await sm.contacts.upsert(Contact(email=ANN))
    codes = [str((await sm.coupons.add(ANN, name="spring", length=length)).coupon) for length in (5, 7, 64, 64)]
    assert [len(code) for code in codes] == [5, 7, 64, 64]
    assert codes[2] != codes[3]
    assert [coupon.coupon for coupon in await coupons(sm)] == codes


async def test_a_coupon_is_used_once(sm: SalesManago) -> None:
    await sm.contacts.upsert(Contact(email=ANN))
    await sm.coupons.add(ANN, name="spring", coupon="SPRING-1")
    await sm.coupons.add(ANN, name="spring", coupon="SPRING-2")
    assert await verdict(sm, "SPRING-1") == (True, None, False)
    await sm.coupons.use(ANN, coupon="SPRING-1")
    assert await verdict(sm, "SPRING-1") == (False, "used", True)
    assert [(coupon.coupon, coupon.used) for coupon in await coupons(sm)] == [("SPRING-1", True), ("SPRING-2", False)]
    with pytest.raises(Refused, match="used"):
        await sm.coupons.use(ANN, coupon="SPRING-1")


async def test_of_two_coupons_with_one_code_the_usable_one_counts(sm: SalesManago) -> None:
    await sm.contacts.upsert(Contact(email=ANN))
    for _ in range(2):
        await sm.coupons.add(ANN, name="spring", coupon="SPRING-1")
        await sm.coupons.use(ANN, coupon="SPRING-1")
        assert (await verdict(sm, "SPRING-1"))[0] is False
    await sm.coupons.add(ANN, name="spring", coupon="SPRING-1")
    assert await verdict(sm, "SPRING-1") == (True, None, False)
    assert [coupon.used for coupon in await coupons(sm)] == [True, True, False]


async def test_a_coupon_expires(sm: SalesManago) -> None:
    await sm.contacts.upsert(Contact(email=ANN))
    await sm.coupons.add(ANN, name="spring", coupon="SPRING-1")
    (coupon,) = await coupons(sm)
    assert coupon.valid_to
    await sm.coupons.add(ANN, name="spring", coupon="SPRING-2", valid=coupon.valid_to - timedelta(days=355))
    await anyio.sleep(10 * DAY - 1)
    assert await verdict(sm, "SPRING-2") == (True, None, False)
    await anyio.sleep(1)
    assert await verdict(sm, "SPRING-2") == (False, "expired", False)
    assert await verdict(sm, "SPRING-1") == (True, None, False)
    with pytest.raises(Refused, match="expired"):
        await sm.coupons.use(ANN, coupon="SPRING-2")
    assert (await coupons(sm))[1].used is False


async def test_a_coupon_is_verified_for_anyone_or_for_one_contact_the_id_first(sm: SalesManago) -> None:
    ids = {email: (await sm.contacts.upsert(Contact(email=email))).contact_id for email in (ANN, BOB)}
    await sm.coupons.add(ANN, name="spring", coupon="SPRING-1")
    assert await verdict(sm, "SPRING-1") == (True, None, False)
    assert await verdict(sm, "SPRING-1", email=ANN) == (True, None, False)
    assert await verdict(sm, "SPRING-1", contact_id=ids[ANN], email=BOB) == (True, None, False)
    for of in ({"email": BOB}, {"contact_id": ids[BOB], "email": ANN}, {"email": "nobody@example.com"}):
        assert await verdict(sm, "SPRING-1", **of) == (False, "not_found", False)
    assert await verdict(sm, "SPRING-9") == (False, "not_found", False)
    assert (await sm.coupons.verify("SPRING-1", coupon_name="autumn")).valid is False


async def test_a_coupon_of_another_contact_or_of_none_is_refused(sm: SalesManago) -> None:
    for email in (ANN, BOB):
        await sm.contacts.upsert(Contact(email=email))
    await sm.coupons.add(ANN, name="spring", coupon="SPRING-1")
    with pytest.raises(Refused, match="not_found"):
        await sm.coupons.use(BOB, coupon="SPRING-1")
    for call in (
        sm.coupons.use("nobody@example.com", coupon="SPRING-1"),
        sm.coupons.add("nobody@example.com", name="spring", length=5),
    ):
        with pytest.raises(Refused, match="Contact does not exist"):
            await call
    assert [coupon.used for coupon in await coupons(sm)] == [False]


async def test_coupons_take_no_owner(sm: SalesManago) -> None:
    """In the reference these calls have no owner: an owner in the body is an unknown field."""
    await sm.contacts.upsert(Contact(email=ANN))
    with pytest.raises(Refused, match="owner"):
        await sm.call("contact/addContactCoupon", {"email": ANN, "name": "spring", "length": 5, "owner": DEMO_OWNER})
    assert await coupons(sm) == ()
