"""The client: signing, retrying, and what an answer becomes."""

import hashlib
import json
import logging

import anyio
import httpx
import pytest
import respx

from salesmanago_async import Contact, Credentials, SalesManago, Tag
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator

pytestmark = pytest.mark.anyio


async def test_an_upserted_contact_is_there(sm: SalesManago) -> None:
    answer = await sm.contacts.upsert(Contact(email="ann@example.com", name="Ann", tags=["VIP"]))
    presence = await sm.contacts.has("ann@example.com")
    assert presence.result is True
    assert presence.contact_id == answer.contact_id
    (ann,) = await sm.contacts.get(["ann@example.com", "nobody@example.com"])
    assert (ann.name, ann.contact_tags[0].tag_name, ann.contact_tags[0].score) == ("Ann", "VIP", 1)
