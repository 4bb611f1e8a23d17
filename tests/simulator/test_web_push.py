"""Web push notifications of the simulated account, which has a few fixed ones; tested through the client."""

import zipfile
from collections import Counter
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import orjson
import pytest

from salesmanago_async import Contact, Job, Refused, SalesManago
from salesmanago_async.api.web_push import WebPushRecipient

pytestmark = pytest.mark.anyio

START, END = datetime(2020, 7, 20, tzinfo=UTC), datetime(2021, 7, 20, tzinfo=UTC)


async def recipients_of(job: Job[WebPushRecipient]) -> list[dict[str, Any]]:
    """Return the records of a ZIP of JSON arrays."""
    async with job.stream() as chunks:
        content = b"".join([chunk async for chunk in chunks])
    with zipfile.ZipFile(BytesIO(content)) as zipped:
        return [record for name in zipped.namelist() for record in orjson.loads(zipped.read(name))]


async def records_of(job: Job[Any]) -> list[Any]:
    async with job.records() as records:
        return [record async for record in records]


async def all_ids(sm: SalesManago) -> tuple[int, ...]:
    return (await sm.web_push.list(START, end=END)).push_conversation_ids


async def test_notifications_are_listed_by_the_second_they_were_sent(sm: SalesManago) -> None:
    assert await all_ids(sm) == (16, 17, 18, 19)
    stats = await sm.web_push.stats(17, use_conversation=True)
    assert stats.sent_on
    assert (await sm.web_push.list(stats.sent_on, end=stats.sent_on)).push_conversation_ids == (17,)
    assert (await sm.web_push.list(START, end=stats.sent_on)).push_conversation_ids == (16, 17)
    body = await sm.call("notification/conversation/ids", {"from": 1610000001, "to": 1620000000})
    assert body["pushConversationIds"] == [18, 19]


async def test_statistics_agree_with_the_export(sm: SalesManago) -> None:
    for conversation_id in await all_ids(sm):
        stats = await sm.web_push.stats(conversation_id, use_conversation=True)
        assert stats.web_push_id is not None
        browsers = await recipients_of(await sm.web_push.export(stats.web_push_id))
        statuses = Counter(browser["status"] for browser in browsers)
        assert stats.sent == statuses["Sent"]
        assert statuses["FP"] > 0
        for name, basic, rich in (
            ("displayedOn", stats.displayed_basic, stats.displayed_rich),
            ("clickedOn", stats.clicked_basic, stats.clicked_rich),
        ):
            assert basic is not None
            assert rich is not None
            assert basic + rich == sum(browser[name] is not None for browser in browsers) > 0
        assert {browser["webPushId"] for browser in browsers} == {stats.web_push_id}


async def test_a_workflow_is_counted_over_all_its_conversations(sm: SalesManago) -> None:
    first = await sm.web_push.stats(18, use_conversation=True)
    second = await sm.web_push.stats(19, use_conversation=True)
    assert first == second == await sm.web_push.stats(12346, source_type="WORKFLOW")
    browsers = await recipients_of(await sm.web_push.export(12346))
    assert len({browser["sentOn"] for browser in browsers}) == 2


async def test_revenue_is_reported_by_period(sm: SalesManago) -> None:
    revenue = (await sm.web_push.stats(12345)).revenue_stats
    assert revenue.keys() == {"LAST_7_DAYS", "CURRENT_MONTH"}
    assert revenue["LAST_7_DAYS"].total_sales_value == 0


async def test_a_browser_is_known_by_the_contact_of_the_account(sm: SalesManago) -> None:
    made = await sm.contacts.upsert(Contact(email="name1@example.com", external_id="U1"))
    known, *others = await recipients_of(await sm.web_push.export(12345))
    assert (known["contactId"], known["email"], known["externalId"]) == (made.contact_id, "name1@example.com", "U1")
    assert {other["contactId"] for other in others} == {None}
    assert len({browser["contactAnonymousId"] for browser in (known, *others)}) == 1 + len(others)


async def test_exported_statistics_agree_with_the_others(sm: SalesManago) -> None:
    stats = await sm.web_push.stats(1)
    (exported,) = await records_of(await sm.web_push.export_stats(1, web_push_source_type="MASS"))
    assert (exported["webPushId"], exported["name"], exported["sent"]) == (1, stats.name, stats.sent)


async def test_consent_forms_have_statistics(sm: SalesManago) -> None:
    forms = (await sm.web_push.forms()).consent_form_list
    assert [form.int_id for form in forms] == [101045, 101044]
    for form in forms:
        assert form.int_id is not None
        (stats,) = await records_of(await sm.web_push.export_form_stats(form.int_id))
        assert (stats["intId"], stats["name"]) == (form.int_id, form.name)


async def test_unknown_notifications_are_refused(sm: SalesManago) -> None:
    for unknown in (
        sm.web_push.stats(99),
        sm.web_push.stats(12345, use_conversation=True),
        sm.web_push.stats(12345, source_type="RULE"),
        sm.web_push.export(99),
        sm.web_push.export_stats(99, web_push_source_type="MASS"),
        sm.web_push.export_stats(1, web_push_source_type="WORKFLOW"),
        sm.web_push.export_form_stats(99),
    ):
        with pytest.raises(Refused, match="not found"):
            await unknown
    assert (await sm.web_push.stats(12345, source_type="MASS, WORKFLOW, RULE")).name == "Spring Campaign"


@pytest.mark.parametrize(
    ("path", "body", "needed"),
    [
        ("notification/consent/form/stats", {"intId": 101044}, True),
        ("notification/push/stats", {"itemId": "1", "webPushSourceType": "MASS"}, True),
        ("notification/conversation/stats", {"webPushId": 12345}, False),
        ("notification/conversation/data", {"webPushId": 12345}, False),
    ],
)
async def test_a_user_is_one_of_the_account(path: str, body: dict[str, Any], needed: bool, sm: SalesManago) -> None:
    with pytest.raises(Refused, match="User not authenticated"):
        await sm.call(path, {**body, "user": "nobody@vendor.pl"})
    if needed:
        with pytest.raises(Refused, match="User cannot be empty"):
            await sm.call(path, {**body, "user": ""})
    else:
        assert (await sm.call(path, {**body, "user": ""}))["success"] is True
