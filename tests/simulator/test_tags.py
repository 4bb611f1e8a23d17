"""Tags of the simulated account, tested through the client."""

import pytest

from salesmanago_async import Contact, SalesManago

pytestmark = pytest.mark.anyio


async def tags(sm: SalesManago) -> dict[str | None, int | None]:
    return {tag.tag: tag.number_of_tagged for tag in (await sm.tags.list(show_system_tags=False)).tags}


async def test_tags_count_their_contacts_not_their_score(sm: SalesManago) -> None:
    assert await tags(sm) == {}
    await sm.contacts.upsert(Contact(email="ann@example.com", tags=["A", "Łódź"]))
    await sm.contacts.upsert(Contact(email="ann@example.com", tags=["A"]))
    await sm.contacts.upsert(Contact(email="bob@example.com", tags=["A", "B"]))
    assert await tags(sm) == {"A": 2, "B": 1, "LODZ": 1}


async def test_an_unused_tag_disappears(sm: SalesManago) -> None:
    for email in ("ann@example.com", "bob@example.com"):
        await sm.contacts.upsert(Contact(email=email, tags=["A", "B"]))
    await sm.contacts.upsert(Contact(email="ann@example.com", remove_tags=["A", "B"]))
    await sm.contacts.upsert(Contact(email="bob@example.com", remove_tags=["B"]))
    assert await tags(sm) == {"A": 1}
