"""The fields of a contact, as lists and exports show them."""

from typing import Any

from .._store import StoredContact

DETAILS = tuple(f"detail{number}" for number in range(1, 21))
EVENT = ("eventId", "date", "description", "products", "location", "value", "contactExtEventType")


def details(contact: StoredContact) -> dict[str, Any]:
    """Return all details, in the form of contact/list."""
    birthday = contact.fields.get("birthday", "")
    return {
        **basic(contact),
        "address": {name: contact.fields.get(name) for name in ("streetAddress", "zipCode", "city", "country")},
        "birthdayYear": int(birthday[:4]) if len(birthday) == 8 else None,
        "birthdayMonth": int(birthday[-4:-2]) if birthday else None,
        "birthdayDay": int(birthday[-2:]) if birthday else None,
        "mainContactOwner": contact.main_owner,
        "contactTags": [
            {**tag, "tag": tag["tagName"], "tagWithScore": f"{tag['tagName']} ({tag['score']})"}
            for tag in contact.tags.values()
        ],
        "properties": [{"name": name, "value": value} for name, value in contact.properties.items()],
        "contactExtEvents": [
            {name: event.get(name) for name in (*EVENT, "shopDomain", *DETAILS, "externalId")}
            for event in contact.events
        ],
        "consents": list(contact.consents.values()),
        "contactVisits": contact.visits,
        "contactEvents": contact.history,
        "emailMessages": contact.emails,
        "contactFunnels": contact.funnels,
        "contactNotes": contact.notes,
        "contactTasks": contact.tasks,
        "coupons": contact.coupons,
        "mobileMessages": contact.mobile_messages,
        "purchaseProbability": None,
    }


def basic(contact: StoredContact) -> dict[str, Any]:
    """Return the fields that lists and exports share."""
    names = ("name", "phone", "fax", "state", "company", "externalId", "province")
    return {
        "id": contact.id,
        "email": contact.email,
        **{name: contact.fields.get(name) for name in names},
        "score": contact.score,
        "optedOut": contact.opted_out,
        "optedOutPhone": contact.opted_out_phone,
        "deleted": False,
        "invalid": False,
        "createdOn": contact.created_on,
        "modifiedOn": contact.modified_on,
    }
