"""What `help`, hover texts and reprs show: short enough to be read."""

import inspect
import pydoc
from typing import get_type_hints

import pytest

from salesmanago_async import (
    Contact,
    ContactExport,
    ContactRunOptions,
    EventRunOptions,
    ExternalEvent,
    Outcome,
    Product,
    Report,
)
from salesmanago_async.api.contact_details import ContactDetails
from salesmanago_async.client import SalesManago
from salesmanago_async.groups.contacts import Contacts
from salesmanago_async.settings import Credentials
from salesmanago_async.simulator import DEMO_CREDENTIALS


def test_a_repr_shows_what_is_set() -> None:
    assert repr(Contact(email="ann@example.com", tags=["VIP"])) == "Contact(email='ann@example.com', tags=['VIP'])"
    event = ExternalEvent(email="ann@example.com", date=0, contact_ext_event_type="VISIT")
    assert repr(event) == "ExternalEvent(date=0, contact_ext_event_type='VISIT', email='ann@example.com')"
    assert repr(Outcome({"email": "x"}, 3, "rejected", "why")) == "Outcome(position=3, state='rejected', reason='why')"
    assert repr(Report(read=2, accepted=1, rejected=1)) == "<Report: 2 read: 1 accepted, 1 rejected>"


@pytest.mark.anyio
async def test_a_client_says_where_it_is() -> None:
    sm = SalesManago(Credentials(client_id="c", api_key="k", api_secret="s"), base_url="https://app3.example.com")
    assert repr(sm) == "<SalesManago at app3.example.com>"
    await sm.aclose()
    assert repr(sm) == "<SalesManago at app3.example.com, closed>"
    assert DEMO_CREDENTIALS.api_key not in repr(sm)


@pytest.mark.parametrize("kind", [Contact, ExternalEvent, Product, ContactDetails, ContactExport])
def test_help_shows_types_without_the_rules_of_the_wire(kind: type) -> None:
    helped = [
        line
        for line in pydoc.plain(pydoc.render_doc(kind)).splitlines()
        if "__attrs_attrs__" not in line and "__annotations__" not in line
    ]
    for text in (*helped, str(inspect.signature(kind))):
        assert "Annotated" not in text
        assert "JsonPath" not in text


@pytest.mark.anyio
async def test_a_buffer_and_its_receipts_say_what_they_hold(sm: SalesManago) -> None:
    async with sm.contacts.buffer() as buffer:
        receipt = await buffer.add(Contact(email="ann@example.com"))
        assert repr(buffer) == "<Buffer of contacts, records: 1>"
        assert repr(receipt) == "<Receipt: outcome not known yet>"
        await receipt
    assert repr(receipt) == "<Receipt: accepted>"
    assert repr(buffer) == "<Buffer of contacts, records: 0, not open>"


def test_the_docstring_of_upsert_many_has_every_option() -> None:
    text = inspect.getdoc(Contacts.upsert_many) or ""
    listed = text.partition("Options, with their defaults")[2]
    options = get_type_hints(ContactRunOptions)
    assert [name for name in options if name not in listed] == []
    assert EventRunOptions.__doc__
