"""Leads in the form of Leadoo's API."""

from typing import Any

LEAD: dict[str, Any] = {
    "id": 4711,
    "first_name": "Ann",
    "last_name": "Example",
    "name": "Ann M. Example",
    "bot_category_id": 7,
    "bot_type": "inpage",
    "bot_category_name": "Sales",
    "bot_name": "Offer bot",
    "email": "ann@example.com",
    "phone": "+358 40 1234567",
    "company_name": "Example Oy",
    "address": "Esplanadi 1",
    "country": "FI",
    "city": "Helsinki",
    "zip_code": "00100",
    "url": "https://shop.example/page?a=1",
    "score": 42,
    "tags": "Hot, Big deal",
    "customer_profile_id": "cp-1",
    "organization_profile_ids": ["op-1", "op-2"],
    "utm_tags": {"source": "google", "medium": "cpc", "campaign": "spring", "term": "shoes", "content": "ad1"},
    "last_touch": {"utm": {"source": "bing"}, "referrer": "https://bing.example/"},
    "var_budget": "1000",
    "tag_Newsletter": True,
    "tag_Spam": False,
    "created_at_iso8601": "2026-03-01T11:58:20Z",
}
