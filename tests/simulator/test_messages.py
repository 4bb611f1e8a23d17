"""Text messages of the simulated account, tested through the client."""

import zipfile
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import anyio
import orjson
import pytest

from salesmanago_async import Contact, Email, Job, Refused, SalesManago, Selector, Tag
from salesmanago_async.api.messages import ChannelIntegration, ConversationMessage, MessageRecipient
from salesmanago_async.api.selectors import Addressee, Everyone
from salesmanago_async.simulator import DEMO_OWNER
from salesmanago_async.simulator.handlers._archive import archive

pytestmark = pytest.mark.anyio

ANN, BOB = "ann@example.com", "bob@example.com"
NOW = datetime.fromtimestamp(1_700_000_000, UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
INTEGRATION: Any = {
    "provider": "NATIVE",
    "integration_name": "SALESmanago provider",
    "template_external_id": "order-sent",
    "sender": "Shop",
}


async def add(sm: SalesManago, email: str = ANN, phone: str | None = "+48600", **fields: Any) -> str:
    made = await sm.contacts.upsert(Contact(email=email, phone=phone, **{"force_phone_opt_in": True, **fields}))
    assert made.contact_id
    return made.contact_id


async def send(sm: SalesManago, *to: Addressee, **options: Any) -> int:
    sent = await sm.messages.send(to or [Email(ANN)], **{"name": "Spring", "text_content": "50% off", **options})
    assert sent.conversation_id is not None
    return sent.conversation_id


async def records_of(job: Job[ConversationMessage]) -> list[dict[str, Any]]:
    """Return the records of a ZIP of JSON arrays."""
    async with job.stream() as chunks:
        content = b"".join([chunk async for chunk in chunks])
    with zipfile.ZipFile(BytesIO(content)) as zipped:
        return [record for name in zipped.namelist() for record in orjson.loads(zipped.read(name))]


async def phones(sm: SalesManago, conversation_id: int) -> list[str | None]:
    return [message.phone for message in (await sm.messages.data(conversation_id)).messaging_content_list]


async def test_a_message_appears_in_all_lists_of_messages(sm: SalesManago) -> None:
    contact_id = await add(sm, external_id="U1")
    sent = await send(sm)
    (message,) = (await sm.messages.data(sent)).messaging_content_list
    assert message == ConversationMessage(
        name="Spring", date=NOW, text_content="50% off", phone="+48600", contact_id=contact_id, external_id="U1",
        channel="SMS",
    )  # fmt: skip
    (found,) = await sm.contacts.get([ANN])
    (mobile,) = found.mobile_messages
    assert (mobile.name, mobile.channel_type, mobile.delivered) == ("Spring", "SMS", True)
    assert (mobile.sender, mobile.source, mobile.send_date) == (DEMO_OWNER, "MASS", NOW)
    async with (await sm.contacts.export([Email(ANN)], ["SMS"])).records() as records:
        ((sms,),) = [record.sms_data async for record in records]
    assert (sms.content, sms.date_sent, sms.date_delivered) == ("50% off", NOW, NOW)
    stats = await sm.messages.stats(sent)
    assert stats.sms
    assert (stats.name, stats.user, stats.sent_date) == ("Spring", DEMO_OWNER, NOW)
    assert (stats.sms.sent, stats.sms.delivered, stats.sms.undelivered, stats.viber) == (1, 1, 0, None)
    (record,) = await records_of(await sm.messages.export(sent))
    assert (record["email"], record["status"], record["contactId"]) == (ANN, "Sent", contact_id)
    assert (await sm.messages.list(NOW, end=NOW)).conversation_ids == (sent,)


@pytest.mark.parametrize(
    "fields", [{"force_phone_opt_in": None}, {"force_phone_opt_out": True}, {"phone": None}], ids=str
)
async def test_contacts_that_opted_out_or_have_no_phone_get_nothing(fields: dict[str, Any], sm: SalesManago) -> None:
    await add(sm, **fields)
    await add(sm, BOB, "+48700")
    sent = await send(sm, Email(ANN, BOB))
    assert await phones(sm, sent) == ["+48700"]
    (found,) = await sm.contacts.get([ANN])
    assert found.mobile_messages == ()


@pytest.mark.parametrize(
    ("to", "got"),
    [
        ([Tag("VIP"), Email(ANN)], ["1", "2"]),
        ([Everyone("PHONE_OPTED_IN")], ["1", "2", "3"]),
        ([Everyone("PHONE_OPTED_OUT")], []),
        ([Everyone("OPTED_OUT")], ["3"]),
        ([Everyone("OPTED_IN"), Email(ANN)], ["1", "2"]),
        ([Everyone("INVALID")], []),
        ([Everyone("NOT_MONITORED"), Email("nobody@example.com")], []),
    ],
)
async def test_each_selected_contact_gets_a_message_once(to: list[Selector], got: list[str], sm: SalesManago) -> None:
    await add(sm, ANN, "1", tags=["VIP"])
    await add(sm, BOB, "2", tags=["VIP"])
    await add(sm, "cyd@example.com", "3", force_opt_out=True)
    await add(sm, "dan@example.com", "4", force_phone_opt_out=True)
    assert sorted(map(str, await phones(sm, await send(sm, *to)))) == got


async def test_a_message_is_sent_by_every_named_channel(sm: SalesManago) -> None:
    await add(sm)
    channels = [ChannelIntegration(channel=name, provider="P") for name in ("SMS", "VIBER", "SMS")]
    sent = await send(sm, messaging_channel_integration=channels)
    both, viber = await sm.messages.stats(sent), await sm.messages.stats(sent, channel="VIBER")
    assert both.sms == both.viber == viber.viber
    assert viber.viber
    assert (viber.viber.sent, viber.sms, both.whats_app) == (1, None, None)
    assert (await sm.messages.stats(sent, source="RULE")).sms is None
    async with (await sm.contacts.export([Email(ANN)], ["SMS"])).records() as records:
        assert [len(record.sms_data) async for record in records] == [1]
    (found,) = await sm.contacts.get([ANN])
    assert [message.channel_type for message in found.mobile_messages] == ["SMS", "VIBER"]


async def test_a_scheduled_message_is_sent_at_its_time(sm: SalesManago) -> None:
    await add(sm)
    await add(sm, BOB, "+48700")
    sent = await send(sm, Email(ANN, BOB), time=NOW + HOUR)
    await anyio.sleep(3599)
    assert {record["status"] for record in await records_of(await sm.messages.export(sent))} == {"Sent"}, (
        "the job took 90 seconds: its file tells what was so then"
    )
    later = await send(sm, Email(ANN, BOB), time=NOW + 2 * HOUR)
    assert [r["status"] for r in await records_of(await sm.messages.export(later))] == ["Collecting data"] * 2
    stats = await sm.messages.stats(later)
    assert stats.sms
    assert (stats.sms.sent, stats.sent_date) == (0, NOW + 2 * HOUR)
    await sm.contacts.upsert(Contact(email=ANN, force_phone_opt_out=True))
    await anyio.sleep(3600)
    assert await phones(sm, later) == ["+48700"]
    (ann,), (bob,) = await sm.contacts.get([ANN]), await sm.contacts.get([BOB])
    assert [message.send_date for message in ann.mobile_messages] == [NOW + HOUR]
    assert [message.send_date for message in bob.mobile_messages] == [NOW + HOUR, NOW + 2 * HOUR]


@pytest.mark.parametrize(
    ("time", "taken"),
    [
        (NOW - DAY, True),
        (NOW - DAY - HOUR, False),
        (NOW + 365 * DAY, True),
        (NOW + 366 * DAY, False),
    ],
)
async def test_a_time_must_be_from_a_day_ago_to_a_year_ahead(time: datetime, taken: bool, sm: SalesManago) -> None:
    if taken:
        sent = await send(sm, time=time)
        assert (await sm.messages.stats(sent)).sent_date == max(time, NOW)
    else:
        with pytest.raises(Refused, match="time"):
            await send(sm, time=time)


async def test_a_list_has_the_conversations_of_a_source_and_a_span(sm: SalesManago) -> None:
    await add(sm)
    first = await send(sm)
    await anyio.sleep(3600)
    second = await send(sm)
    transactional = await sm.messages.send_transactional(
        MessageRecipient(addressee_type="EMAIL", value=ANN), **INTEGRATION
    )
    listed = sm.messages.list
    assert (await listed(NOW, end=NOW + HOUR)).conversation_ids == (first, second)
    assert (await listed(NOW, end=NOW + HOUR / 2)).conversation_ids == (first,)
    assert (await listed(NOW + HOUR / 2, end=NOW + HOUR)).conversation_ids == (second,)
    assert (await listed(NOW, end=NOW + HOUR, source="WORKFLOW")).conversation_ids == ()
    everything = (first, second, transactional.conversation_id)
    assert (await listed(NOW, end=NOW + HOUR, source="ALL")).conversation_ids == everything


async def test_a_template_is_numbered_once(sm: SalesManago) -> None:
    numbers = []
    for template in ("A", "B", "A"):
        sent = await send(sm, text_content=None, template_name=template)
        numbers.append((await sm.messages.stats(sent)).conversation_template_id)
    assert numbers == [1, 2, 1]
    assert (await sm.messages.stats(await send(sm))).conversation_template_id is None


@pytest.mark.parametrize("kind", ["EMAIL", "CONTACT_ID", "USER_ID", "email"])
async def test_a_transactional_message_reaches_one_contact_even_if_opted_out(kind: str, sm: SalesManago) -> None:
    contact_id = await add(sm, external_id="U1", force_phone_opt_out=True)
    await add(sm, BOB)
    value = {"EMAIL": ANN, "CONTACT_ID": contact_id, "USER_ID": "U1"}[kind.upper()]
    sent = await sm.messages.send_transactional(MessageRecipient(addressee_type=kind, value=value), **INTEGRATION)
    assert sent.conversation_id is not None
    (message,) = (await sm.messages.data(sent.conversation_id)).messaging_content_list
    assert (message.contact_id, message.name) == (contact_id, "order-sent")
    (found,) = await sm.contacts.get([ANN])
    assert [message.name for message in found.mobile_messages] == ["order-sent"]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("EMAIL", "nobody@example.com", "Contact does not exist"),
        ("USER_ID", ANN, "Contact does not exist"),
        ("EMAIL", BOB, "no phone"),
        ("TAG", "VIP", "addresseeType"),
    ],
)
async def test_a_transactional_message_to_nobody_is_refused(kind: str, value: str, text: str, sm: SalesManago) -> None:
    await add(sm)
    await add(sm, BOB, phone=None)
    with pytest.raises(Refused, match=text):
        await sm.messages.send_transactional(MessageRecipient(addressee_type=kind, value=value), **INTEGRATION)


async def test_undocumented_values_are_refused(sm: SalesManago) -> None:
    sent = await send(sm)
    with pytest.raises(Refused, match="channel"):
        await send(sm, messaging_channel_integration=[ChannelIntegration(channel="PIGEON", provider="P")])
    with pytest.raises(Refused, match="channel"):
        await sm.messages.stats(sent, channel="PIGEON")
    for call in (sm.messages.stats(sent, source="WHIM"), sm.messages.list(NOW, end=NOW, source="WHIM")):
        with pytest.raises(Refused, match="source"):
            await call
    for unknown in (sm.messages.data(99), sm.messages.stats(99), sm.messages.export(99)):
        with pytest.raises(Refused, match="not found"):
            await unknown
    assert (await sm.messages.list(NOW, end=NOW)).conversation_ids == (sent,), "a refused message is not listed"


async def test_a_message_needs_a_user_of_the_account(sm: SalesManago) -> None:
    body = {"contacts": [{"addresseeType": "EMAIL", "value": ANN}], "name": "N", "textContent": "T"}
    with pytest.raises(Refused, match="User cannot be empty"):
        await sm.call("messaging/send", {**body, "user": ""})
    with pytest.raises(Refused, match="User not authenticated"):
        await send(sm, user="nobody@vendor.pl")


@pytest.mark.parametrize(("amount", "parts"), [(0, [0]), (50_000, [50_000]), (100_001, [50_000, 50_000, 1])])
def test_an_archive_has_parts_of_50000_records(amount: int, parts: list[int]) -> None:
    with zipfile.ZipFile(BytesIO(archive("part", range(amount)))) as zipped:
        contents = [orjson.loads(zipped.read(name)) for name in zipped.namelist()]
    assert [len(content) for content in contents] == parts
    assert [record for content in contents for record in content] == list(range(amount))
