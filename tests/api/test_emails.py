"""E-mail requests: the samples in both directions, refused values, and typed files."""

from datetime import UTC, datetime
from typing import Any

import pytest

from salesmanago_async import ContactId, Email, Funnel, Invalid, Selector, Stage, Tag, api
from salesmanago_async.api.email_addressees import Personalized
from salesmanago_async.api.email_statistics import GetConversationStatistics, GlobalStatistics
from salesmanago_async.api.emails import Attachment, SendConfirmation, SendEmail, SendEmailWithAttachment, UpsertEmail
from salesmanago_async.exports.shapes import conversation_recipients, conversation_statistics
from tests.api.test_contract import as_json, cleaned, extras, normalized

Catalogue = dict[str, dict[str, Any]]
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PATHS = sorted(path for path in api.REQUESTS if path.startswith("email/"))
SUMMIT = {"conference_name": "Global Innovations Summit", "start_time": "11:00"}


def read(path: str, body: dict[str, Any]) -> Any:
    return api.read_request(path, body)


def test_all_eight_paths_are_there() -> None:
    assert PATHS == [
        "email/conversationStatistics", "email/globalConversationStatistics", "email/massConversationList",
        "email/messageStatistics", "email/sendConfirmation", "email/sendEmail", "email/sendWithAttachment",
        "email/upsert",
    ]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_samples_are_read_and_written_without_loss(path: str, catalogue: Catalogue) -> None:
    assert catalogue[path]["requests"]
    for body in catalogue[path]["requests"]:
        fields = {name: value for name, value in body.items() if name not in api.CREDENTIAL_FIELDS}
        assert normalized(api.write_request(read(path, body))) == normalized(fields)


def test_only_reading_calls_are_repeatable() -> None:
    assert {path for path in PATHS if not api.REQUESTS[path].repeatable} == {
        "email/sendEmail", "email/sendWithAttachment", "email/sendConfirmation", "email/upsert",
    }  # fmt: skip


def test_the_sample_of_addressees_is_read_into_selectors(catalogue: Catalogue) -> None:
    request: SendEmail = read("email/sendEmail", catalogue["email/sendEmail"]["requests"][0])
    first, second, third, fourth, fifth = request.contacts
    assert first == Personalized(Email("name1@example.com", "name2@example.com", "name3@example.com"), SUMMIT)
    discount = {"discount": "20%"}
    assert isinstance(second, Personalized)
    assert (type(second.selector), second.properties) == (ContactId, discount)
    assert third == Personalized(Tag("UPSELL", "CROSSELL"), discount)
    assert fourth == Personalized(Funnel("AIDA", "Conversion"), discount)
    assert fifth == Stage("AIDA", "Awareness", "Interest")
    assert list(request.exclude_contacts or ())[1] == Tag("FREQUENT_BUYER")
    assert request.date == datetime(2022, 8, 8, 6, 8, 8, tzinfo=UTC)


def test_written_values_are_read_back_unchanged() -> None:
    addressees: list[Selector | Personalized] = [
        Personalized(Email("a@example.com"), {"x": "", "y": "1"}),
        Personalized(Tag("A", "B"), {}),
        Tag("C"),
    ]
    request = SendEmail("e1", addressees, date=NOW, exclude_contacts=[ContactId("c1")], user="u@example.com")
    assert read("email/sendEmail", api.write_request(request)) == request


def test_each_addressee_of_a_file_is_an_object_of_its_own() -> None:
    contacts: list[Selector | Personalized] = [
        Personalized(Email("a@example.com", "b@example.com"), {"x": "1"}),
        ContactId("c1"),
        Tag("VIP"),
    ]
    body = api.write_request(SendEmailWithAttachment("e1", contacts, date=NOW, exclude_contacts=[Tag("NO")]))
    properties = [{"name": "x", "value": "1"}]
    assert body == {
        "emailId": "e1",
        "date": 1777636800000,
        "contacts": [
            {"addresseeType": "EMAIL", "email": "a@example.com", "properties": properties},
            {"addresseeType": "EMAIL", "email": "b@example.com", "properties": properties},
            {"addresseeType": "CONTACT_ID", "contactId": "c1"},
            {"addresseeType": "TAGS", "tag": "VIP"},
        ],
        "excludeContacts": [{"addresseeType": "TAGS", "tag": "NO"}],
    }
    again: SendEmailWithAttachment = read("email/sendWithAttachment", body)
    assert again.contacts[1:] == [Personalized(Email("b@example.com"), {"x": "1"}), ContactId("c1"), Tag("VIP")]


def test_a_file_is_not_part_of_the_body() -> None:
    file = Attachment("a.pdf", b"%PDF")
    with_file = SendEmailWithAttachment("e1", [Tag("VIP")], file, date=NOW)
    assert api.write_request(with_file) == api.write_request(SendEmailWithAttachment("e1", [Tag("VIP")], date=NOW))
    with pytest.raises(Invalid, match="attachment"):
        read("email/sendWithAttachment", {**api.write_request(with_file), "attachment": "a.pdf"})


@pytest.mark.parametrize("bad", [{"name": ""}, {"media_type": "pdf"}, {"media_type": "image/gif\r\nX-Evil: 1"}])
def test_a_file_without_a_name_or_of_an_odd_type_is_refused(bad: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        Attachment(**{"name": "a.gif", "content": b"GIF", **bad})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("contact", "field"),
    [
        ("VIP", "contacts"),
        (Personalized("VIP", {}), "contacts"),  # type: ignore[arg-type]
        (Tag("V" * 256), "contacts"),
        (Personalized(Tag("VIP"), {"x" * 256: "1"}), "properties"),
        (Personalized(Tag("VIP"), {"x": "1" * 256}), "properties.x"),
        (Personalized(Tag("VIP"), {"x": None}), "properties.x"),  # type: ignore[dict-item]
    ],
)
def test_an_addressee_that_does_not_fit_is_refused(contact: Any, field: str) -> None:
    for request_class in (SendEmail, SendEmailWithAttachment):
        with pytest.raises(Invalid, match="entry 2: ") as caught:
            api.write_request(request_class("e1", [Tag("VIP"), contact], date=NOW))
        assert field in str(caught.value)


@pytest.mark.parametrize("selector", [Funnel("AIDA"), Stage("AIDA", "Interest")])
def test_a_file_cannot_be_sent_to_a_funnel(selector: Selector) -> None:
    with pytest.raises(Invalid, match="Email"):
        api.write_request(SendEmailWithAttachment("e1", [selector], date=NOW))


@pytest.mark.parametrize(
    ("contacts", "field"),
    [
        ([{"addresseeType": "SIGN", "tag": "LEO"}], "addresseeType"),
        ([{"addresseeType": "EMAIL", "tag": "LEO"}], "tag"),
        ([{"addresseeType": "EMAIL"}], "contacts"),
        ([{"addresseeType": "TAGS", "tag": "LEO", "properties": [{"name": "x"}]}], "properties"),
        ([{"addresseeType": "TAGS", "tag": "LEO", "properties": {"x": "y"}}], "properties"),
        (["LEO"], "contacts"),
    ],
)
def test_an_invalid_addressee_is_refused_and_its_field_named(contacts: list[Any], field: str) -> None:
    with pytest.raises(Invalid, match=field):
        read("email/sendWithAttachment", {"emailId": "e1", "date": 1, "contacts": contacts})


EMAIL: dict[str, Any] = {
    "name": "Discount", "subject": "Prize", "content": "<p>ż</p>", "senderAccountId": "s1", "emailOwner": "o@x.pl",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "n" * 256}, "name"),
        ({"subject": "s" * 999}, "subject"),
        ({"content": "ż" * (1024**2 + 1)}, "content"),
        ({"group": "g" * 256}, "group"),
        ({"utmCampaign": "u" * 256}, "utmCampaign"),
        ({"emailOwner": None}, "emailOwner"),
        ({"senderAccountId": None}, "senderAccountId"),
    ],
)
def test_an_email_over_a_limit_is_refused_and_its_field_named(change: dict[str, Any], field: str) -> None:
    assert isinstance(read("email/upsert", {**EMAIL, "subject": "s" * 998, "content": "ż" * 1024**2}), UpsertEmail)
    with pytest.raises(Invalid) as caught:
        read("email/upsert", {**EMAIL, **change})
    assert caught.value.field == field


def test_a_confirmation_email_is_chosen_in_one_way_only() -> None:
    with pytest.raises(Invalid, match="not both"):
        api.write_request(SendConfirmation("a@example.com", double_opt_in_language="ES", double_opt_in_email_id="e1"))


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "from"), ({"from": 1}, "to"), ({"from": 1, "to": 2, "conversationType": "A", "requestType": "A"}, "request")],
)
def test_statistics_need_a_mailing_or_a_span(body: dict[str, Any], field: str) -> None:
    assert api.write_request(GetConversationStatistics("c1")) == {"conversationId": "c1"}
    with pytest.raises(Invalid, match=field):
        read("email/conversationStatistics", body)


def without_bounces(body: Any) -> Any:
    """A sample file with its bounced contacts as objects, which are read too; the sample has only addresses."""
    return {
        name: [{"email": entry} for entry in value] if name.endswith("BouncedBy") else value
        for name, value in body.items()
    }


def test_no_value_of_the_sample_statistics_is_lost(catalogue: Catalogue) -> None:
    files = catalogue["email/conversationStatistics"]["files"]
    mailings = [mailing for file in files for mailing in (file if isinstance(file, list) else [file])]
    assert len(mailings) == 5
    for sample in mailings:
        typed = conversation_statistics(sample)
        assert normalized(as_json(typed)) == normalized(cleaned(without_bounces(sample)))
        assert list(extras(typed)) == []


def test_no_value_of_the_sample_recipients_is_lost(catalogue: Catalogue) -> None:
    (sample,) = catalogue["email/messageStatistics"]["files"]
    typed = conversation_recipients(sample)
    assert normalized(as_json(typed)) == normalized(cleaned(sample))
    assert list(extras(typed)) == []
    assert typed.sent_to[0].date_opened == datetime(2018, 8, 2, 0, 34, 12, tzinfo=UTC)


def test_the_sample_statistics_are_typed(catalogue: Catalogue) -> None:
    basic, short, full, _ = catalogue["email/conversationStatistics"]["files"]
    assert conversation_statistics(basic).date_sent == datetime(2021, 1, 6, 13, 14, 48, tzinfo=UTC)
    assert conversation_statistics(short).contacts == ("contact1@example.com", "contact2@example.com")
    told_of = conversation_statistics(full)
    assert (told_of.sent_message, told_of.unique_opens, told_of.test_ab) == (1000, 500, False)
    assert told_of.soft_bounced_by[0].email == "nam2@example.com"
    (resigned,) = told_of.resigned_by
    assert (resigned.contact_id, resigned.opted_out) == ("a123-...-54bc", True)


def test_bounced_contacts_may_be_objects_too() -> None:
    """According to the text of the reference they are, according to its sample they are not."""
    told_of = conversation_statistics({"hardBouncedBy": [{"email": "a@example.com", "externalId": "x"}, 7]})
    assert [(one.email, one.external_id) for one in told_of.hard_bounced_by] == [("a@example.com", "x")]
    assert told_of.extra == {"hardBouncedBy": [7]}


def test_a_span_is_given_as_times(catalogue: Catalogue) -> None:
    from salesmanago_async.api.codec import read_leniently

    answer = read_leniently(GlobalStatistics, catalogue["email/globalConversationStatistics"]["responses"][0])
    assert answer.from_ == datetime(2022, 2, 21, 14, 21, 9, tzinfo=UTC)
    assert (answer.sent, answer.opened_unique, answer.resigned) == (32997135, 2683298, 6868)
