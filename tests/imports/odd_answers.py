"""Answers and result files that confirm nothing: whatever the server meant, no record may count as accepted.

The tests evaluate them for contacts or events of a@x.pl, b@x.pl and the contact with the id c-id.
"""

from typing import Any

_ALL = {"a@x.pl": "1", "b@x.pl": "2", "c-id": "c-id"}
_NO_SUCCESS: list[Any] = [None, {}, [], "", "maybe", "ok", 1, "1", "yes", 17, 0.5, [True], {"value": True}]
_NOBODY_INVALID: dict[str, Any] = {"message": [], "invalidContacts": []}

IN_DOUBT_CONTACTS: list[dict[str, Any]] = [
    # success that is not true
    *[{"success": success, "contactIds": _ALL, **_NOBODY_INVALID} for success in _NO_SUCCESS],
    {"contactIds": _ALL, **_NOBODY_INVALID},
    {"success": None, "contactIds": {}, "invalidContacts": ["a@x.pl"]},
    # neither list
    {"success": True},
    {"success": True, "message": ["Done"]},
    {"success": True, "contacts": [{"email": "a@x.pl"}]},
    # contactIds of others: the file of another job
    {"success": True, "contactIds": {"x@x.pl": "1", "y@x.pl": "2", "z@x.pl": "3"}, **_NOBODY_INVALID},
    {"success": True, "contactIds": {"x": "1", "y": "2", "z": "3"}, **_NOBODY_INVALID},
    {"success": True, "contactIds": [{"email": "x@x.pl", "id": "1"}], **_NOBODY_INVALID},
    {"success": True, "contactIds": ["x@x.pl", "y@x.pl", "z@x.pl"], **_NOBODY_INVALID},
    # names without an id
    {"success": True, "contactIds": dict.fromkeys(_ALL), **_NOBODY_INVALID},
    {"success": True, "contactIds": dict.fromkeys(_ALL, ""), **_NOBODY_INVALID},
    {"success": True, "contactIds": dict.fromkeys(_ALL, False), **_NOBODY_INVALID},
    {"success": True, "contactIds": {key: {} for key in _ALL}, **_NOBODY_INVALID},
    {"success": True, "contactIds": [{"email": "a@x.pl", "contactId": None}], **_NOBODY_INVALID},
    # lists of ids whose count does not fit
    {"success": True, "contactIds": ["1"], **_NOBODY_INVALID},
    {"success": True, "contactIds": ["1", "2"], **_NOBODY_INVALID},
    {"success": True, "contactIds": ["1", "2", "3", "4"], **_NOBODY_INVALID},
    {"success": True, "contactIds": ["1", "1", "1"], **_NOBODY_INVALID},
    {"success": True, "contactIds": [None, None, None], **_NOBODY_INVALID},
    {"success": True, "contactIds": [True, True, True], **_NOBODY_INVALID},
    {"success": True, "contactIds": ["1", "2", {"email": "who@x.pl", "id": "3"}], **_NOBODY_INVALID},
    # no list at all
    *[{"success": True, "contactIds": odd, **_NOBODY_INVALID} for odd in ("all", 3, True, 0, "", 1.5)],
    # invalidContacts that is not a list, or lists others
    *[{"success": True, "contactIds": _ALL, "invalidContacts": odd} for odd in ("all", "a@x.pl", 6, True)],
    *[{"success": True, "contactIds": {}, "invalidContacts": odd} for odd in ("all", 6, 0, "", False, -1)],
    {"success": True, "contactIds": {}, "invalidContacts": ["who@x.pl"]},
    {"success": True, "contactIds": {}, "invalidContacts": [None]},
    {"success": True, "contactIds": {}, "invalidContacts": [{"row": 1, "message": "bad"}]},
]

_NOBODY_FAILED: dict[str, Any] = {"message": [], "failedContacts": []}

IN_DOUBT_EVENTS: list[dict[str, Any]] = [
    {},
    {"message": ["Done"]},
    # success that is not true
    *[
        {"success": success, "createdAmount": 3, "failedAmount": 0, **_NOBODY_FAILED}
        for success in [*_NO_SUCCESS, "no", "False", 0]
    ],
    {"success": None},
    # failedContacts that is not a list, or lists others
    *[
        {"success": True, "createdAmount": 3, "failedAmount": 0, "failedContacts": odd}
        for odd in ("all", "a@x.pl", 2, True, 0, "")
    ],
    {"success": True, "failedContacts": ["who@x.pl"]},
    {"success": True, "failedContacts": [None]},
    {"createdAmount": 2, "failedAmount": 1, "failedContacts": ["who@x.pl"]},
    # amounts that are not numbers
    {"success": True, "createdAmount": False, **_NOBODY_FAILED},
    {"success": True, "createdAmount": True, **_NOBODY_FAILED},
    {"success": True, "createdAmount": "all", **_NOBODY_FAILED},
    {"success": True, "createdAmount": 2.5, **_NOBODY_FAILED},
    {"success": True, "createdAmount": {}, **_NOBODY_FAILED},
    {"success": True, "createdAmount": 3, "failedAmount": False, **_NOBODY_FAILED},
    {"success": True, "createdAmount": 3, "failedAmount": "none", **_NOBODY_FAILED},
    # amounts that do not add up
    {"success": True, "createdAmount": 2, "failedAmount": -1, **_NOBODY_FAILED},
    {"success": True, "createdAmount": 4, "failedAmount": -1, **_NOBODY_FAILED},
    {"success": True, "createdAmount": -3, "failedAmount": 6, **_NOBODY_FAILED},
    {"success": True, "createdAmount": 10, "failedAmount": 0, **_NOBODY_FAILED},
    {"success": True, "createdAmount": 3, "failedAmount": 3, **_NOBODY_FAILED},
    {"success": True, "createdAmount": 0, "failedAmount": 0, **_NOBODY_FAILED},
    {"success": True, "createdAmount": 2, "failedAmount": 0, **_NOBODY_FAILED},
    {"success": True, "createdAmount": 10, **_NOBODY_FAILED},
    {"success": True, "failedAmount": 4, **_NOBODY_FAILED},
    # amounts that add up, but cannot be traced to records
    {"success": True, "createdAmount": 2, "failedAmount": 1, **_NOBODY_FAILED},
    {"success": True, "createdAmount": 1, **_NOBODY_FAILED},
    {"failedAmount": 0, **_NOBODY_FAILED},
]
