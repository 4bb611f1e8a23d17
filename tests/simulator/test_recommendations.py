"""The simulator recommends the products of its purchases and visits."""

from collections.abc import Sequence

import pytest

from salesmanago_async import Contact, Email, ExternalEvent, Refused, SalesManago

pytestmark = pytest.mark.anyio

ANN, BOB = "ann@example.com", "bob@example.com"
SHOP, OTHER = "shop", "other"


async def events(sm: SalesManago, *rows: tuple[str, str, int, str | Sequence[str], str]) -> dict[str, str]:
    """Create the contacts and their events (who, what, when, which products, where); return the contacts' ids."""
    ids = {}
    for email in dict.fromkeys(row[0] for row in rows):
        ids[email] = str((await sm.contacts.upsert(Contact(email=email))).contact_id)
    for email, kind, day, products, location in rows:
        moment = 1_700_000_000_000 + day * 86_400_000
        event = ExternalEvent(
            email=email, date=moment, contact_ext_event_type=kind, products=products, location=location
        )
        await sm.events.add(event)
    return ids


async def test_last_viewed_products_are_unique_and_latest_first(sm: SalesManago) -> None:
    ids = await events(
        sm,
        (ANN, "VISIT", 1, "a,b", SHOP),
        (ANN, "VISIT", 3, "c", SHOP),
        (ANN, "VISIT", 2, "b, d", SHOP),
        (ANN, "VISIT", 4, "z", OTHER),
        (ANN, "PURCHASE", 5, "p", SHOP),
        (BOB, "VISIT", 6, "q", SHOP),
    )
    assert (await sm.recommendations.last_viewed(SHOP, contact_id=ids[ANN])).product_ids == ("c", "b", "d", "a")
    both = await sm.recommendations.last_viewed(SHOP, contact_id=ids[BOB], contact_anonymous_id="cookie")
    assert both.product_ids == ("q",)
    for unknown in ({"contact_id": "nobody"}, {"contact_anonymous_id": "cookie"}):
        assert (await sm.recommendations.last_viewed(SHOP, **unknown)).product_ids == ()


async def test_most_purchased_counts_purchases_and_settles_ties_by_id(sm: SalesManago) -> None:
    await events(
        sm,
        (ANN, "PURCHASE", 1, "c,b,b", SHOP),
        (BOB, "PURCHASE", 2, ["a", "c"], SHOP),
        (BOB, "PURCHASE", 3, "z", OTHER),
        (BOB, "CART", 3, "a", SHOP),
    )
    assert (await sm.recommendations.most_purchased(SHOP)).product_ids == ("c", "a", "b")
    assert (await sm.recommendations.most_purchased(OTHER)).product_ids == ("z",)
    assert (await sm.recommendations.most_purchased("nowhere")).product_ids == ()


async def test_a_monitored_contacts_purchases_are_its_own(sm: SalesManago) -> None:
    ids = await events(
        sm, (ANN, "PURCHASE", 1, "a", SHOP), (ANN, "PURCHASE", 2, "b,a", SHOP), (BOB, "PURCHASE", 3, "c", SHOP)
    )
    assert (await sm.recommendations.purchased_by_contact(SHOP, sm_client=ids[ANN])).product_ids == ("b", "a")
    assert (await sm.recommendations.purchased_by_contact(OTHER, sm_client=ids[ANN])).product_ids == ()
    await sm.contacts.stop_monitoring([Email(ANN)])
    assert (await sm.recommendations.purchased_by_contact(SHOP, sm_client=ids[ANN])).product_ids == ()
    assert (await sm.recommendations.purchased_by_contact(SHOP, sm_client=ids[BOB])).product_ids == ("c",)


async def test_purchased_together_omits_the_product_and_refuses_unknown_ones(sm: SalesManago) -> None:
    await events(
        sm,
        (ANN, "PURCHASE", 1, "a,b", SHOP),
        (ANN, "PURCHASE", 2, "a,c", SHOP),
        (BOB, "PURCHASE", 3, "c,a", SHOP),
        (BOB, "PURCHASE", 3, "c,d", SHOP),
        (BOB, "VISIT", 3, "seen", SHOP),
    )
    assert (await sm.recommendations.purchased_together(SHOP, product_id="a")).product_ids == ("c", "b")
    assert (await sm.recommendations.purchased_together(SHOP, product_id="seen")).product_ids == ()
    for shop, product in ((SHOP, "unknown"), (OTHER, "a")):
        with pytest.raises(Refused) as refused:
            await sm.recommendations.purchased_together(shop, product_id=product)
        assert refused.value.messages == ("Product Id is invalid",)


async def test_similar_products_are_deterministic_for_a_photo(sm: SalesManago) -> None:
    products = [f"p{number}" for number in range(12)]
    await events(sm, (ANN, "VISIT", 1, products, SHOP), (ANN, "VISIT", 1, "z", OTHER))
    photo = "https://example.com/a.jpg"
    found = await sm.vision.find_similar(photo, location=SHOP)
    assert (found.status, found.photo, found.bq_errors, len(found.result)) == ("ok", photo, 0, 10)
    scores = [product.score or 0.0 for product in found.result]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= scores[-1] < scores[0] <= 1
    assert {product.id for product in found.result} < set(products)
    assert (await sm.vision.find_similar(photo, location=SHOP, max_results=3)).result == found.result[:3]
    other = await sm.vision.find_similar("https://example.com/b.jpg", location=SHOP)
    assert [product.id for product in other.result] != [product.id for product in found.result]
