"""The types that editors and type checkers see of the blocking client. Checked by mypy and pyright, not by running."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, assert_type

from salesmanago_async import Contact, ContactExport, ExternalEvent, Outcome, Report, SyncReport, Tag
from salesmanago_async.api.contact_details import ContactDetails
from salesmanago_async.api.contacts import ContactPresence, HasContact, Upserted
from salesmanago_async.api.coupons import CouponAdded
from salesmanago_async.api.email_statistics import ConversationRecipients
from salesmanago_async.api.jobs import JobAnswer
from salesmanago_async.api.tags import TagList
from salesmanago_async.api.users import Users
from salesmanago_async.blocking import Job, Receipt, SalesManago

if TYPE_CHECKING:

    def calls(sm: SalesManago) -> None:
        assert_type(sm.contacts.upsert(Contact(email="a@x.pl")), Upserted)
        assert_type(sm.contacts.has(email="a@x.pl", owner="o@x.pl"), ContactPresence)
        assert_type(sm.contacts.get(["a@x.pl"]), tuple[ContactDetails, ...])
        assert_type(sm.contacts.upsert_many([Contact(email="a@x.pl")], wait=False), Report)
        assert_type(sm.contacts.sync("people.csv", state="people.db", removed="delete"), SyncReport)
        assert_type(sm.contacts.export(to=[Tag("A")], data=["TAG"]), Job[ContactExport])
        assert_type(sm.contacts.walk(), Iterator[ContactDetails])
        assert_type(sm.coupons.add("a@x.pl", name="spring", length=7), CouponAdded)
        assert_type(sm.tags.list(show_system_tags=False), TagList)
        assert_type(sm.emails.message_statistics("1"), Job[ConversationRecipients])
        assert_type(sm.users.list(), Users)
        assert_type(sm.jobs.status(37), JobAnswer)
        assert_type(sm.jobs.attach(request_id=37), Job[Any])
        assert_type(sm.jobs.attach(request_id=37).save("people.csv"), int)
        assert_type(sm.send(HasContact("a@x.pl")), ContactPresence)
        assert_type(sm.call("contact/hasContact", {}), dict[str, Any])
        assert_type(SalesManago.from_env(concurrency=4), SalesManago)
        sm.contacts.upsert_many([], no_such_option=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        sm.contacts.has()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

    def blocks(sm: SalesManago) -> None:
        with sm.contacts.upserting("contacts.csv", batch_size=500) as outcomes:
            for outcome in outcomes:
                assert_type(outcome, Outcome)
        with sm.contacts.upserting([Contact(email="a@x.pl")]) as of_contacts:
            assert_type([one.record for one in of_contacts], list[Contact])
            assert_type(outcomes.report, Report)
        with sm.contacts.syncing("contacts.csv", state="contacts.db") as changes:
            assert_type(changes.report, SyncReport)
        job = sm.contacts.export(to=[Tag("A")])
        with job.records() as records:
            for record in records:
                assert_type(record, ContactExport)
        with job.stream() as chunks:
            assert_type(chunks, Iterator[bytes])
        with sm.jobs.as_completed([job]) as finished:
            for found in finished:
                assert_type(found, Job[ContactExport])
        with sm.contacts.export_modified(0, state="state.json") as contacts:
            for contact in contacts:
                assert_type(contact, ContactDetails)

    def buffers(sm: SalesManago) -> None:
        with sm.contacts.buffer(journal="contacts.db") as contacts, sm.events.buffer(after=contacts) as events:
            assert_type(contacts.add({"email": "ann@example.com"}), Receipt)
            event = ExternalEvent(email="a@x.pl", date=0, contact_ext_event_type="PURCHASE")
            assert_type(events.confirm(event), Outcome)
            assert_type(contacts.add(Contact(email="a@x.pl")).wait(), Outcome)


def test_the_types_are_checked_by_mypy_and_pyright() -> None:
    assert SalesManago.__module__ == "salesmanago_async.blocking"
