"""Deliveries of LiveChat's webhook, as its documents describe them."""

from typing import Any

SECRET = "a-secret-of-the-registration"
CREATED_AT = "2026-03-01T11:58:20.500000Z"


def form(key: str, **answers: Any) -> dict[str, Any]:
    """A filled pre-chat form; its answers are under `key`."""
    fields = [{"id": kind, "type": kind, "label": kind.title(), key: answer} for kind, answer in answers.items()]
    return {"id": "K600PKZON8_1", "type": "filled_form", "form_id": "1", "fields": fields}


def delivery(
    *,
    version: str = "3.6",
    chat: str = "PJ0MRSHTDG",
    thread: str = "K600PKZON8",
    email: Any = "ann@example.com",
    name: Any = "Ann Example",
    events: Any = (),
    secret: Any = SECRET,
) -> dict[str, Any]:
    """An incoming chat."""
    customer = {"id": "b7eff798-f8df-4364-8059-649c35c9ed0c", "type": "customer", "name": name, "email": email}
    agent = {"id": "agent@vendor.pl", "type": "agent", "name": "Agent", "email": "agent@vendor.pl"}
    account = {"license_id": 21377312} if version == "3.2" else {"organization_id": "390e44e6-f1e6-0368c-z6ddb"}
    return {
        "webhook_id": "c3f1a2",
        "secret_key": secret,
        "action": "incoming_chat",
        **account,
        "payload": {
            "chat": {
                "id": chat,
                "users": [agent, customer],
                "properties": {},
                "access": {"group_ids": [0]},
                "thread": {
                    "id": thread,
                    "user_ids": [agent["id"], customer["id"]],
                    "events": list(events),
                    "created_at": CREATED_AT,
                },
            }
        },
        "additional_data": {},
    }
