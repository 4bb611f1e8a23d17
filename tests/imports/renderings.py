"""How servers may show the events that they were sent: each rendering changes an event in one way."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeAlias
from unicodedata import normalize
from zlib import crc32

Event: TypeAlias = dict[str, Any]
Rendering: TypeAlias = Callable[[Event], Event]


def bare(event: Event, *hidden: str) -> Event:
    """Return an event without some of its fields."""
    return {name: value for name, value in event.items() if name not in hidden}


def changed(**fields: Any) -> Rendering:
    """Return a rendering that changes the values of these fields; empty ones stay as they are."""

    def change(event: Event) -> Event:
        return {
            name: fields[name](value) if name in fields and value is not None and value != "" else value
            for name, value in event.items()
        }

    return change


def without(*names: str) -> Rendering:
    return lambda event: bare(event, *names)


def nulled(*names: str) -> Rendering:
    return lambda event: event | dict.fromkeys(names)


def at(write: Callable[[datetime], Any]) -> Rendering:
    """Return a rendering that writes dates in another form."""
    return changed(date=lambda ms: write(datetime.fromtimestamp(ms / 1000, UTC)))


def moved(**by: float) -> Rendering:
    return changed(date=lambda ms: ms + int(timedelta(**by).total_seconds() * 1000))


def cut_to(seconds: int) -> Rendering:
    return changed(date=lambda ms: ms // 1000 // seconds * seconds * 1000)


TEXTS = ("description", "detail1")
RECOGNIZABLE: dict[str, Rendering] = {
    "as it is": lambda event: event,
    "ids in lower case": changed(externalId=str.lower),
    "ids in upper case": changed(externalId=str.upper),
    "ids trimmed": changed(externalId=str.strip),
    "ids with blanks around": changed(externalId=lambda id_: f" {id_} "),
    "ids in NFC": changed(externalId=lambda id_: normalize("NFC", id_)),
    "ids in NFD": changed(externalId=lambda id_: normalize("NFD", id_)),
    "ids in NFKC": changed(externalId=lambda id_: normalize("NFKC", id_)),
    "ids as numbers": changed(externalId=lambda id_: int(id_) if id_.isdecimal() else id_),
    "ids as floats": changed(externalId=lambda id_: float(id_) if id_.isdecimal() else id_),
    "ids without leading zeros": changed(externalId=lambda id_: id_.lstrip("0")),
    "no ids": without("externalId"),
    "all ids null": nulled("externalId"),
    "all ids empty": lambda event: event | {"externalId": ""},
    "types in lower case": changed(contactExtEventType=str.lower),
    "types with blanks": changed(contactExtEventType=lambda kind: f" {kind}"),
    "no types": without("contactExtEventType"),
    "dates in seconds": changed(date=lambda ms: ms // 1000),
    "dates in seconds with a point": changed(date=lambda ms: ms / 1000),
    "dates in microseconds": changed(date=lambda ms: ms * 1000),
    "dates in nanoseconds": changed(date=lambda ms: ms * 1_000_000),
    "dates as digits": changed(date=str),
    "dates in ISO 8601": at(datetime.isoformat),
    "dates without a zone": at(lambda moment: moment.replace(tzinfo=None).isoformat(" ")),
    "dates in Warsaw": at(lambda moment: moment.astimezone(timezone(timedelta(hours=1))).isoformat()),
    "dates in digits": at(lambda moment: f"{moment:%Y%m%d%H%M%S}"),
    "dates cut to the second": cut_to(1),
    "values as text": changed(value=str),
    "values with two decimals": changed(value=lambda value: round(value, 2)),
    "values with float dust": changed(value=lambda value: value * (1 + 1e-12)),
    "no values": without("value"),
    "products as a list": changed(products=lambda given: given.split(",")),
    "products with blanks": changed(products=lambda given: given.replace(",", " , ")),
    "no products": without("products"),
    "texts with other blanks": changed(**dict.fromkeys(TEXTS, lambda text: f" {text}  ".replace(" ", "  "))),
    "no texts": without(*TEXTS),
    "ids and dates alone": lambda event: {name: event[name] for name in ("externalId", "date")},
}
"""Renderings that leave enough to recognise an event with an id, and to send none twice that has no id."""
AMBIGUOUS: dict[str, Rendering] = {
    "ids cut short": changed(externalId=lambda id_: id_[:5]),
    "ids cut to one character": changed(externalId=lambda id_: id_[:1]),
    "ids in plain letters": changed(externalId=lambda id_: normalize("NFD", id_).encode("ascii", "ignore").decode()),
    "ids with a prefix": changed(externalId=lambda id_: f"shop-{id_}"),
    "ids of the server's own": lambda event: event | {"externalId": f"srv-{crc32(str(event).encode())}"},
    "ids of some": lambda event: event if event["date"] % 2 else bare(event, "externalId"),
    "ids of some, null of others": lambda event: event if event["date"] % 2 else event | {"externalId": None},
    "types renamed": changed(contactExtEventType=lambda kind: f"{kind} (external)"),
    "types as numbers": changed(contactExtEventType=lambda kind: len(kind)),
    "types all the same": changed(contactExtEventType=lambda kind: "OTHER"),
    "types null": nulled("contactExtEventType"),
    "values cut to whole ones": changed(value=int),
    "values rounded": changed(value=round),
    "values with one decimal": changed(value=lambda value: round(value, 1)),
    "values as money": changed(value=lambda value: f"{value} zł"),
    "values null": nulled("value"),
    "dates null": nulled("date"),
    "no dates": without("date"),
    "dates for people": at(lambda moment: f"{moment:%d.%m.%Y %H:%M}"),
    "dates an hour later": moved(hours=1),
    "dates two hours earlier": moved(hours=-2),
    "dates fourteen hours later": moved(hours=14),
    "dates cut to the minute": cut_to(60),
    "dates rounded to the minute": changed(date=lambda ms: round(ms / 60_000) * 60_000),
    "dates cut to the minute, an hour later": lambda event: moved(hours=1)(cut_to(60)(event)),
    "dates cut to the day": cut_to(86_400),
    "dates of days": at(lambda moment: f"{moment:%Y-%m-%d}"),
    "products in another order": changed(products=lambda given: ",".join(reversed(given.split(",")))),
    "products in upper case": changed(products=str.upper),
    "products null": nulled("products"),
    "products as objects": changed(products=lambda given: [{"id": one} for one in given.split(",")]),
    "texts cut short": changed(**dict.fromkeys(TEXTS, lambda text: text[:3])),
    "texts null": nulled(*TEXTS),
    "only ids": lambda event: {"externalId": event["externalId"]},
    "nothing": lambda event: {},
    "minutes and whole values": lambda event: changed(value=int)(cut_to(60)(event)),
}
"""Renderings that may leave too little: an event that is there may be in doubt, but is never missing."""
LIMITS: dict[str, Rendering] = {
    "new ids and moved dates": lambda event: moved(hours=1)(event | {"externalId": "srv"}),
    "new ids and renamed types": lambda event: event | {"externalId": "srv", "contactExtEventType": "OTHER"},
    "dates a day later, no ids": lambda event: moved(days=1)(bare(event, "externalId")),
    "values in cents, no ids": lambda event: bare(event | {"value": int((event["value"] or 0) * 100)}, "externalId"),
}
"""Two changes at the same time, and changes that are too large: an event counts as missing though it is there."""
