"""The types that editors and type checkers see: one call per group. Checked by mypy and pyright, not by running."""

from typing import TYPE_CHECKING, Any, assert_type

from salesmanago_async import Contact, ContactExport, ExternalEvent, Job, Outcome, Report, SalesManago, Tag
from salesmanago_async.api import Answer
from salesmanago_async.api.contact_details import ContactDetails
from salesmanago_async.api.contacts import ContactPresence, HasContact, Upserted
from salesmanago_async.api.coupons import CouponAdded
from salesmanago_async.api.email_statistics import ConversationRecipients
from salesmanago_async.api.emails import ConfirmationSent
from salesmanago_async.api.events import EventAdded
from salesmanago_async.api.funnels import FunnelCount
from salesmanago_async.api.jobs import JobAnswer
from salesmanago_async.api.loyalty import LoyaltyPoints
from salesmanago_async.api.messages import ConversationMessage
from salesmanago_async.api.preference_center import PreferenceCenterEndpoint
from salesmanago_async.api.recommendations import RecommendedProducts
from salesmanago_async.api.system import Authorised
from salesmanago_async.api.tags import TagList
from salesmanago_async.api.tasks import TaskUpdated
from salesmanago_async.api.users import Users
from salesmanago_async.api.vision import SimilarProducts
from salesmanago_async.api.web_push import ConsentForms
from salesmanago_async.api.workflows import WorkflowStatistics
from salesmanago_async.groups.contacts import Contacts

if TYPE_CHECKING:

    async def calls(sm: SalesManago) -> None:
        assert_type(await sm.contacts.upsert(Contact(email="a@x.pl")), Upserted)
        assert_type(await sm.contacts.has(email="a@x.pl", owner="o@x.pl"), ContactPresence)
        assert_type(await sm.contacts.get(["a@x.pl"]), tuple[ContactDetails, ...])
        assert_type(await sm.contacts.upsert_many([Contact(email="a@x.pl")], wait=False), Report)
        assert_type(await sm.contacts.export(to=[Tag("A")], data=["TAG"]), Job[ContactExport])
        event = ExternalEvent(email="a@x.pl", date=0, contact_ext_event_type="PURCHASE")
        assert_type(await sm.events.add(event), EventAdded)
        assert_type(await sm.system.authorise("admin@x.pl", password="p"), Authorised)
        assert_type(await sm.workflows.statistics(7, period="LAST_7_DAYS"), WorkflowStatistics)
        assert_type(await sm.recommendations.last_viewed("shop", contact_id="1"), RecommendedProducts)
        assert_type(await sm.vision.find_similar("https://x.pl/a.jpg", location="shop"), SimilarProducts)
        assert_type(await sm.preference_center.generate_endpoint("1", contact_id="2"), PreferenceCenterEndpoint)
        assert_type(await sm.coupons.add("a@x.pl", name="spring", length=7), CouponAdded)
        assert_type(await sm.funnels.count("Leads", stage="new"), FunnelCount)
        assert_type(await sm.tags.list(show_system_tags=False), TagList)
        assert_type(await sm.emails.send_confirmation("a@x.pl", tag="NEW"), ConfirmationSent)
        assert_type(await sm.emails.message_statistics("1"), Job[ConversationRecipients])
        assert_type(await sm.messages.export(37), Job[ConversationMessage])
        assert_type(await sm.tasks.complete("1"), TaskUpdated)
        assert_type(await sm.notes.add("called", email="a@x.pl"), Answer)
        assert_type(await sm.web_push.forms(), ConsentForms)
        assert_type(await sm.loyalty.get_points("a@x.pl", loyalty_program="Gold"), LoyaltyPoints)
        assert_type(await sm.users.list(), Users)
        assert_type(await sm.jobs.status(37), JobAnswer)
        assert_type(sm.jobs.attach(request_id=37), Job[Any])
        assert_type(await sm.send(HasContact("a@x.pl")), ContactPresence)
        assert_type(await sm.call("contact/hasContact", {}), dict[str, Any])

    async def runs(sm: SalesManago) -> None:
        async with sm.contacts.upserting("contacts.csv", batch_size=500) as outcomes:
            async for outcome in outcomes:
                assert_type(outcome, Outcome)
        async with sm.contacts.upserting([Contact(email="a@x.pl")]) as of_contacts:
            async for of_contact in of_contacts:
                assert_type(of_contact, Outcome[Contact])
                assert_type(of_contact.record.email, str | None)
        async with sm.events.adding({"id": number} for number in range(3)) as of_rows:
            assert_type([outcome.record["id"] async for outcome in of_rows], list[int])
        job = await sm.contacts.export(to=[Tag("A")])
        async with job.records() as records:
            async for record in records:
                assert_type(record, ContactExport)


def test_a_call_shows_the_signature_and_the_text_of_its_request() -> None:
    import inspect

    signature = inspect.signature(Contacts.has)
    assert {name: known.annotation for name, known in signature.parameters.items()} == {
        "email": str,
        "owner": str | None,
    }
    assert signature.return_annotation is ContactPresence
    assert "Check whether an address belongs to a contact" in (inspect.getdoc(Contacts.has) or "")
