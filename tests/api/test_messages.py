"""messaging/*: what is refused before it is sent, and how answers are read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from salesmanago_async import Email, Stage, api
from salesmanago_async.api.codec import read_leniently
from salesmanago_async.api.messages import (
    ChannelIntegration,
    ConversationData,
    ConversationStats,
    ListConversations,
    MessageRecipient,
    SendMessage,
    SendTransactionalMessage,
)
from salesmanago_async.api.selectors import Everyone, InternalId, Selector
from salesmanago_async.errors import Invalid, Unreadable
from salesmanago_async.exports.shapes import conversation_message
from tests.api.test_contract import Catalogue, as_json, cleaned, extras, normalized

SEND: dict[str, Any] = {"contacts": [{"addresseeType": "TAG", "value": "VIP"}], "name": "N", "textContent": "Hi"}
TRANSACTIONAL: dict[str, Any] = {
    "contact": {"addresseeType": "EMAIL", "value": "ann@example.com"},
    "provider": "NATIVE",
    "integrationName": "SALESmanago provider",
    "templateExternalId": "1a2b",
    "sender": "Shop",
}
LIST, STATS = "messaging/conversationList", "messaging/conversationStats"
DAY = timedelta(days=1)
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("messaging/send", {**SEND, "name": "x" * 256}, "name"),
        ("messaging/send", {**SEND, "sender": "x" * 256}, "sender"),
        ("messaging/send", {**SEND, "templateName": "x" * 256}, "templateName"),
        ("messaging/send", {**SEND, "user": "x" * 255}, "user"),
        ("messaging/send", {**SEND, "contacts": []}, "contacts"),
        ("messaging/send", {**SEND, "time": "soon"}, "time"),
        ("messaging/send", {**SEND, "textContent": ""}, "textContent"),
        ("messaging/send", {**SEND, "contacts": [{"addresseeType": "USER_ID", "value": "1"}]}, "contacts"),
        ("messaging/send", {**SEND, "messagingChannelIntegration": [{"channel": "SMS"}]}, "messagingChannelInt"),
        ("messaging/transactional/send", {**TRANSACTIONAL, "user": "x" * 256}, "user"),
        ("messaging/transactional/send", {**TRANSACTIONAL, "integrationName": "x" * 256}, "integrationName"),
        ("messaging/transactional/send", {**TRANSACTIONAL, "contact": {"addresseeType": "EMAIL"}}, "contact.value"),
        ("messaging/transactional/send", {**TRANSACTIONAL, "contact": {"value": "x"}}, "contact.addresseeType"),
        (
            "messaging/transactional/send",
            {**TRANSACTIONAL, "contact": {**TRANSACTIONAL["contact"], "properties": {"a": "x" * 256}}},
            "contact.properties",
        ),
        (
            "messaging/transactional/send",
            {**TRANSACTIONAL, "contact": {**TRANSACTIONAL["contact"], "properties": {str(n): "x" for n in range(21)}}},
            "contact.properties",
        ),
        (LIST, {"from": 0, "to": 1, "source": "x" * 256}, "source"),
        (LIST, {"from": 0, "to": "later"}, "to"),
        (STATS, {"conversationId": 1, "channel": "x" * 101}, "channel"),
        (STATS, {"conversationId": 1, "source": "x" * 256}, "source"),
        (STATS, {"conversationId": "one"}, "conversationId"),
        ("messaging/mass/conversation/data", {"conversationId": "one"}, "conversationId"),
        ("messaging/conversation/data", {"conversationId": 1, "user": "x" * 256}, "user"),
    ],
)
def test_an_invalid_field_is_refused_and_named(path: str, body: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        api.read_request(path, body)
    assert str(caught.value.field).startswith(field)


@pytest.mark.parametrize(
    ("source", "days", "taken"),
    [
        (None, 30, True),
        (None, 31, False),
        ("ALL", 30, True),
        ("RULE", 7, True),
        ("RULE", 8, False),
        ("WORKFLOW", 8, False),
        ("MASS", -1, False),
    ],
)
def test_the_span_of_a_list_is_7_days_for_rules_and_workflows_else_30(
    source: str | None, days: int, taken: bool
) -> None:
    request = ListConversations(NOON, end=NOON + days * DAY, source=source)
    if taken:
        assert api.write_request(request)["to"] == 1714564800000 + days * 86400000
    else:
        with pytest.raises(Invalid) as caught:
            api.write_request(request)
        assert caught.value.field == "to"


def test_a_message_is_written_with_addressees_of_every_kind() -> None:
    body = api.write_request(
        SendMessage(
            [Email("a@x.pl", "b@x.pl"), Stage("F", "s"), InternalId("7", "8"), Everyone("PHONE_OPTED_IN")],
            name="N",
            template_name="T",
            time=NOON,
            messaging_channel_integration=[ChannelIntegration(channel="VIBER", provider="OCTAPUSH")],
        )
    )
    assert body == {
        "contacts": [
            {"addresseeType": "EMAIL", "value": "a@x.pl,b@x.pl"},
            {"addresseeType": "STAGE", "value": "F", "optValue": "s"},
            {"addresseeType": "ID", "value": "7,8"},
            {"addresseeType": "PHONE_OPTED_IN"},
        ],
        "name": "N",
        "templateName": "T",
        "time": 1714564800000,
        "messagingChannelIntegration": [{"channel": "VIBER", "provider": "OCTAPUSH"}],
    }
    assert api.write_request(api.read_request("messaging/send", body)) == body


def test_addressees_of_messages_are_not_selectors() -> None:
    assert isinstance(api.read_request("messaging/send", SEND), SendMessage)
    for given in ({"addresseeType": "ID", "value": "7"}, {"addresseeType": "OPTED_IN"}):
        with pytest.raises(Invalid) as caught:
            Selector.from_wire(given)
        assert caught.value.field == "addresseeType"
    with pytest.raises(Invalid, match="not a selector"):
        Selector.to_wire(Everyone("OPTED_IN"))
    with pytest.raises(Invalid, match="not one of OPTED_OUT"):
        Everyone("OPTED")


def test_addressees_are_read_in_either_case() -> None:
    body = {**SEND, "contacts": [{"addresseeType": kind} for kind in ("opted_in", "MONITORED")]}
    request = api.read_request("messaging/send", body)
    assert isinstance(request, SendMessage)
    assert request.contacts == [Everyone("OPTED_IN"), Everyone("MONITORED")]


def test_a_transactional_message_keeps_the_names_of_its_properties() -> None:
    recipient = MessageRecipient(addressee_type="USER_ID", value="U1", properties={"order_number": "17"})
    request = SendTransactionalMessage(
        recipient, provider="NATIVE", integration_name="SALESmanago provider", template_external_id="T", sender="S"
    )
    assert api.write_request(request)["contact"] == {
        "addresseeType": "USER_ID", "value": "U1", "properties": {"order_number": "17"},
    }  # fmt: skip


def test_reading_is_repeatable_sending_is_not() -> None:
    repeatable = {path: known.repeatable for path, known in api.REQUESTS.items() if path.startswith("messaging/")}
    assert sorted(path for path in repeatable if not repeatable[path]) == [
        "messaging/send", "messaging/transactional/send",
    ]  # fmt: skip
    assert len(repeatable) == 6


def test_no_value_of_the_sample_export_is_lost(catalogue: Catalogue) -> None:
    (file,) = catalogue["messaging/conversation/data"]["files"]
    messages = [conversation_message(record) for record in file]
    assert [normalized(as_json(message)) for message in messages] == [normalized(cleaned(record)) for record in file]
    assert list(extras(messages)) == []
    assert messages[1].status == "Collecting data"
    assert messages[0].clicked_on == datetime(2022, 4, 15, 5, 1, 28, tzinfo=UTC)
    with pytest.raises(Unreadable, match="str"):
        conversation_message("Spring Campaign")


def test_the_sample_answers_are_typed(catalogue: Catalogue) -> None:
    (sample,) = catalogue[STATS]["responses"]
    stats = read_leniently(ConversationStats, sample)
    assert stats.sms
    assert (stats.sms.sent, stats.sms.delivered, stats.sms.cancelled, stats.whats_app) == (1200, 1150, False, None)
    assert stats.sent_date == datetime(2022, 8, 8, 6, 8, 8, tzinfo=UTC)
    (sample,) = catalogue["messaging/mass/conversation/data"]["responses"]
    data = read_leniently(ConversationData, sample)
    assert [message.phone for message in data.messaging_content_list] == [
        "+15554443322", "+15554443333", "+15554443344",
    ]  # fmt: skip


def test_statistics_of_an_unknown_channel_stay_reachable() -> None:
    stats = read_leniently(ConversationStats, {"statistics": {"SMS": {"sent": "7"}, "RCS": {"sent": 1}}})
    assert stats.sms
    assert stats.sms.sent == 7
    assert stats.extra == {"statistics": {"RCS": {"sent": 1}}}
