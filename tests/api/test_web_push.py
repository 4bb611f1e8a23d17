"""The requests notification/*."""

from datetime import UTC, datetime
from typing import Any

import pytest

from salesmanago_async import api
from salesmanago_async.api.codec import read_leniently
from salesmanago_async.api.web_push import ConsentForms, ListWebPushConversations, WebPushStats
from salesmanago_async.errors import Invalid, Unreadable
from salesmanago_async.exports.shapes import web_push_recipient
from tests.api.test_contract import Catalogue, as_json, cleaned, extras, normalized


@pytest.mark.parametrize("start", [datetime(2020, 7, 20, 9, 40, 47, tzinfo=UTC), 1595238047000, 1595238047999])
def test_the_span_of_a_list_is_sent_in_seconds(start: datetime | int) -> None:
    request = ListWebPushConversations(start, end=datetime(2021, 7, 20, 9, 40, 53, tzinfo=UTC))
    assert api.write_request(request) == {"from": 1595238047, "to": 1626774053}


def test_the_span_of_a_list_is_read_from_seconds() -> None:
    request = api.read_request("notification/conversation/ids", {"from": 1595238047, "to": "1626774053"})
    assert isinstance(request, ListWebPushConversations)
    assert request.start == datetime(2020, 7, 20, 9, 40, 47, tzinfo=UTC)
    assert request.end == datetime(2021, 7, 20, 9, 40, 53, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("notification/conversation/ids", {"from": 2, "to": 1}, "to"),
        ("notification/conversation/ids", {"from": "then", "to": 1}, "from"),
        ("notification/consent/form/stats", {"intId": "x"}, "intId"),
        ("notification/consent/form/stats", {"intId": 1, "user": "x" * 256}, "user"),
        ("notification/push/stats", {"itemId": "x", "webPushSourceType": "MASS"}, "itemId"),
        ("notification/push/stats", {"itemId": 1, "webPushSourceType": "x" * 256}, "webPushSourceType"),
        ("notification/conversation/stats", {"webPushId": "x"}, "webPushId"),
        ("notification/conversation/stats", {"webPushId": 1, "useConversation": "perhaps"}, "useConversation"),
        ("notification/conversation/stats", {"webPushId": 1, "sourceType": "x" * 256}, "sourceType"),
        ("notification/conversation/data", {"webPushId": "x"}, "webPushId"),
    ],
)
def test_an_invalid_field_is_refused_and_named(path: str, body: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        api.read_request(path, body)
    assert caught.value.field == field


def test_the_sample_statistics_are_typed(catalogue: Catalogue) -> None:
    (sample,) = catalogue["notification/conversation/stats"]["responses"]
    stats = read_leniently(WebPushStats, sample)
    assert (stats.web_push_id, stats.sent, stats.displayed_rich) == (12345, 12345, 2345)
    assert stats.sent_on == datetime(2022, 4, 14, 12, 21, 28, tzinfo=UTC)
    assert stats.revenue_stats.keys() == {"LAST_7_DAYS", "CURRENT_MONTH"}
    assert stats.revenue_stats["CURRENT_MONTH"].total_sales_value == 1777.99
    (sample,) = catalogue["notification/consent/form/data"]["responses"]
    forms = read_leniently(ConsentForms, sample).consent_form_list
    assert [form.int_id for form in forms] == [101045, 101044]


def test_no_value_of_the_sample_export_is_lost(catalogue: Catalogue) -> None:
    (file,) = catalogue["notification/conversation/data"]["files"]
    recipients = [web_push_recipient(record) for record in file]
    assert [normalized(as_json(recipient)) for recipient in recipients] == [
        normalized(cleaned(record)) for record in file
    ]
    assert list(extras(recipients)) == []
    assert [recipient.status for recipient in recipients] == ["Sent", "FP", "Sent"]
    assert recipients[2].contact_id is None
    assert recipients[2].clicked_on == datetime(2022, 12, 1, 23, 54, 48, tzinfo=UTC)
    with pytest.raises(Unreadable, match="list"):
        web_push_recipient([])
