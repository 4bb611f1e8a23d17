"""LiveChat: the documented mapping of a delivery, row by row."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from salesmanago_async import Contact, Invalid
from salesmanago_async.api import write_request
from salesmanago_async.api.events import AddContactExtEvent
from salesmanago_async.integrations.livechat import Chat, contact_of, event_of, read_chat
from tests.integrations.deliveries import delivery, form

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def chat_of(given: dict[str, Any]) -> Chat:
    chat = read_chat(given)
    assert chat
    return chat


def test_a_chat_is_read() -> None:
    assert chat_of(delivery()) == Chat(
        chat_id="PJ0MRSHTDG",
        thread_id="K600PKZON8",
        email="ann@example.com",
        name="Ann Example",
        customer_id="b7eff798-f8df-4364-8059-649c35c9ed0c",
        began=datetime(2026, 3, 1, 11, 58, 20, 500000, tzinfo=UTC),
    )


def test_the_documented_contact() -> None:
    assert contact_of(chat_of(delivery())) == Contact(
        email="ann@example.com", name="Ann Example", tags=["LIVECHAT_INC"]
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("contactExtEventType", "MEETING"),
        ("date", 1_772_366_400_000),
        ("description", "LivechatInc"),
        ("detail1", "1772366300"),
        ("detail2", "customer"),
        ("detail3", "b7eff798-f8df-4364-8059-649c35c9ed0c"),
        ("detail4", "incoming_chat"),
    ],
)
def test_the_documented_event(field: str, value: object) -> None:
    body = write_request(AddContactExtEvent(event_of(chat_of(delivery()), NOW)))
    assert body["email"] == "ann@example.com"
    assert body["contactEvent"][field] == value


def test_the_event_has_no_other_fields() -> None:
    body = write_request(AddContactExtEvent(event_of(chat_of(delivery()), NOW)))
    details = {f"detail{number}" for number in range(1, 5)}
    assert body["contactEvent"].keys() == {"contactExtEventType", "date", "description", *details}


@pytest.mark.parametrize("version", ["3.2", "3.6"])
@pytest.mark.parametrize("key", ["answer", "value"])
def test_all_versions_are_read_alike(version: str, key: str) -> None:
    given = delivery(version=version, name="", email="", events=[form(key, name="Bob", email="bob@example.com")])
    chat = chat_of(given)
    assert (chat.email, chat.name) == ("bob@example.com", "Bob")


def test_the_pre_chat_form_takes_precedence() -> None:
    given = delivery(events=[form("answer", name="Robert", email="robert@example.com")])
    assert contact_of(chat_of(given)) == Contact(email="robert@example.com", name="Robert", tags=["LIVECHAT_INC"])


def test_the_first_form_counts() -> None:
    events = [form("answer", email="first@example.com"), form("answer", email="second@example.com", name="Later")]
    chat = chat_of(delivery(name="", events=events))
    assert (chat.email, chat.name) == ("first@example.com", "Later")


@pytest.mark.parametrize("typed", ["", "  ", "not an address", "ann@", None, 17, ["x"]])
def test_an_unusable_address_in_the_form_is_no_address(typed: Any) -> None:
    given = delivery(events=[form("answer", email=typed)])
    assert chat_of(given).email == "ann@example.com"


def test_any_usable_address_is_accepted() -> None:
    events = [form("answer", email="typo@"), form("answer", email="second@example.com")]
    assert chat_of(delivery(email="", events=events)).email == "second@example.com"
    given = delivery(email="", name="Nobody")
    guest = {"id": "2", "type": "customer", "name": "Guest", "email": "guest@example.com"}
    given["payload"]["chat"]["users"].append(guest)
    chat = chat_of(given)
    assert (chat.email, chat.name, chat.customer_id) == ("guest@example.com", "Guest", "2")


def test_only_filled_forms_count() -> None:
    message = {**form("answer", email="said@example.com"), "type": "message"}
    assert chat_of(delivery(events=[message])).email == "ann@example.com"
    both = form("answer", email="answer@example.com")
    both["fields"][0]["value"] = "value@example.com"
    assert chat_of(delivery(events=[both])).email == "answer@example.com"


def test_an_id_is_cut_to_the_length_of_a_detail() -> None:
    given = delivery()
    given["payload"]["chat"]["users"][1]["id"] = "x" * 300
    assert event_of(chat_of(given), NOW).detail3 == "x" * 255


@pytest.mark.parametrize("name", ["", "   ", None])
def test_a_name_is_never_overwritten_by_an_empty_one(name: Any) -> None:
    given = delivery(name=name, events=[form("answer", name=name)])
    assert contact_of(chat_of(given)).name is None


def test_a_name_is_cut_to_the_length_of_a_contacts_name() -> None:
    assert contact_of(chat_of(delivery(name="ń" * 300))).name == "ń" * 255


@pytest.mark.parametrize("address", ["", None, "nobody", "a b@example.com"])
def test_without_an_address_nothing_is_transferred(address: Any) -> None:
    assert read_chat(delivery(email=address)) is None


def test_an_agent_is_no_customer() -> None:
    given = delivery()
    given["payload"]["chat"]["users"] = [{"id": "agent@vendor.pl", "type": "agent", "email": "agent@vendor.pl"}]
    assert read_chat(given) is None


def test_another_webhook_is_ignored() -> None:
    assert read_chat({**delivery(), "action": "chat_deactivated"}) is None
    assert read_chat({}) is None


@pytest.mark.parametrize("holder", ["chat", "thread"])
def test_a_chat_without_its_ids_is_an_error(holder: str) -> None:
    given = delivery()
    chat = given["payload"]["chat"]
    del (chat if holder == "chat" else chat["thread"])["id"]
    with pytest.raises(Invalid, match=rf"{holder}\.id: is missing"):
        read_chat(given)


@pytest.mark.parametrize("created_at", ["yesterday", "", None, 17])
def test_a_chat_without_a_time_has_no_first_detail(created_at: Any) -> None:
    given = delivery()
    given["payload"]["chat"]["thread"]["created_at"] = created_at
    assert event_of(chat_of(given), NOW).detail1 is None


def test_unexpected_shapes_are_ignored() -> None:
    whole = delivery(events=[form("answer", name="Bob")])
    odd_ones: tuple[Any, ...] = (None, "text", 17, [None, "text", [], 3], {})
    for path in (("users",), ("thread", "events"), ("thread", "events", 0, "fields")):
        for odd in odd_ones:
            given = deepcopy(whole)
            place = given["payload"]["chat"]
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = odd
            chat = read_chat(given)
            assert (chat is None) == (path == ("users",))


def test_a_repr_shows_no_personal_data() -> None:
    assert "ann" not in repr(chat_of(delivery())).lower()
