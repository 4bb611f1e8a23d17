"""Request value → signed body; status, headers and body → answer or error. Pure: no I/O, the time is passed in."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import orjson
from attrs import field, frozen

from .api import CREDENTIAL_FIELDS, Request, request_class
from .api._codec import dumps, read_leniently, write
from .api._lanes import file_beside, places
from .api._request import DEFAULTED, answer_type
from .errors import (
    Invalid,
    NotAuthenticated,
    RateLimited,
    Redirected,
    Refused,
    SalesManagoError,
    ServerFault,
    Unreadable,
)
from .settings import Credentials

AnswerT = TypeVar("AnswerT")


@frozen
class FormFile:
    """A file to go beside a body: the body is then the part `body` of a form, the file its part `part`."""

    body: str
    part: str
    name: str
    content: bytes = field(repr=False)
    media_type: str | None = None


@frozen
class Post:
    """A request encoded once: `fields` is its JSON object without credentials, `request` what it was made from."""

    path: str
    fields: bytes = field(repr=False)
    repeatable: bool
    request: object | None = field(default=None, repr=False)
    signed: bool = True
    file: FormFile | None = None


@frozen
class Reply:
    """What came back: the status, the headers by lower-case name, the whole body."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


def prepare(request: Request[Any], owner: str | None) -> Post:
    """Encode a request, its owner filled from the default; raise `Invalid` naming the field that breaks its rule."""
    shown = request if request.signed else {"path": request.path}  # errors carry it: never with a password
    try:
        body = _owned(write(request), type(request), owner)
        return Post(request.path, dumps(body), request.repeatable, shown, request.signed, _file_of(request))
    except Invalid as error:
        error.request = shown
        raise


def prepare_plain(path: str, body: Mapping[str, Any], owner: str | None) -> Post:
    """Encode plain JSON for any path; a path the reference does not have counts as not repeatable."""
    trimmed = path.strip().strip("/").removeprefix("api/")
    if not _PATH.fullmatch(trimmed):
        raise Invalid(f"{path!r} is no path such as 'contact/hasContact'", field="path")
    known = request_class(trimmed)
    fields = {name: value for name, value in body.items() if name not in CREDENTIAL_FIELDS}
    if known:
        _owned(fields, known, owner)
        if file_beside(cast("type", known)):
            raise Invalid(f"{trimmed} takes a file beside its JSON: send a {known.__name__}", field="path")
    repeatable, is_signed = (known.repeatable, known.signed) if known else (False, True)
    return Post(trimmed, dumps(fields), repeatable, {"path": trimmed}, is_signed)


_PATH = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


def _owned(body: dict[str, Any], kind: type, owner: str | None) -> dict[str, Any]:
    """Fill the owner (or user) in where the class has one and the body does not."""
    for place in places(kind):
        if owner and len(place.path) == 1 and place.path[0] in DEFAULTED:
            body.setdefault(place.path[0], owner)
    return body


def _file_of(request: Request[Any]) -> FormFile | None:
    """Return the file that goes beside the body, where this kind of request has one; refuse to send it without."""
    kind: type = type(request)
    beside = file_beside(kind)
    if beside is None:
        return None
    name, parts = beside
    file = getattr(request, name)
    if file is None:
        raise Invalid("is missing", field=name)
    return FormFile(parts.body, parts.file, file.name, file.content, file.media_type)


def signed(fields: bytes, credentials: Credentials, request_time: int) -> bytes:
    """Return the whole body: `fields` with the four fields of authentication, for this one try."""
    head = orjson.dumps(
        {
            "clientId": credentials.client_id,
            "apiKey": credentials.api_key,
            "requestTime": request_time,
            "sha": credentials.signature(),
        }
    )
    return head if fields == b"{}" else b"".join((head[:-1], b",", memoryview(fields)[1:]))


def read_body(reply: Reply, request: object | None, now: datetime) -> dict[str, Any]:
    """Return the JSON object of a successful answer; raise the error that any other reply is."""
    if reply.status == 429:
        raise RateLimited("429: too many requests", retry_after=_retry_after(reply, now), request=request)
    if reply.status >= 500 or reply.status == 408:
        raise ServerFault(
            f"the server answered {reply.status}{_texts(reply)}",
            status=reply.status,
            retry_after=_retry_after(reply, now),
            request=request,
        )
    if 300 <= reply.status < 400:
        raise Redirected(_redirect(reply), status=reply.status, request=request)
    body = _json_object(reply)
    if body is None:
        raise Unreadable(_unreadable(reply), status=reply.status, request=request)
    if reply.status >= 400 or body.get("success") in (False, "false"):
        raise _refusal(body, reply.status, request)
    return body


def read_answer(request: Request[AnswerT], body: Mapping[str, Any]) -> AnswerT:
    """Read a successful answer into the class that belongs to the request."""
    kind: type = type(request)
    return cast("AnswerT", read_leniently(answer_type(kind), body))


def messages_of(body: Mapping[str, Any]) -> list[str]:
    """Return the texts of an answer, which come as a list or as one string, under one of two names."""
    found: Any = body.get("message") or body.get("messages") or []
    return [str(text) for text in (found if isinstance(found, list) else [found])]


_NOT_AUTHENTICATED = (
    "not authenticated",
    "not authorized",
    "authorization failed",
    "api key not specified",
    "token not specified",
    "invalid account",
)


def _refusal(body: Mapping[str, Any], status: int, request: object | None) -> SalesManagoError:
    messages = messages_of(body)
    values = body.get("values")
    said = " ".join(messages).lower()
    kind = NotAuthenticated if status == 401 or any(text in said for text in _NOT_AUTHENTICATED) else Refused
    return kind(messages, values=values if isinstance(values, dict) else None, status=status, request=request)


def _json_object(reply: Reply) -> dict[str, Any] | None:
    try:
        body = orjson.loads(reply.content)
    except orjson.JSONDecodeError:
        return None
    return cast("dict[str, Any]", body) if isinstance(body, dict) else None


def _texts(reply: Reply) -> str:
    texts = messages_of(_json_object(reply) or {})
    return f": {'; '.join(texts)}" if texts else ""


def _redirect(reply: Reply) -> str:
    """Say where a redirect leads to, without what may be secret: a user, a password, a query, a path not of words."""
    try:
        parts = urlsplit(reply.headers.get("location", ""))
        path = parts.path if _WORDS.fullmatch(parts.path) else "/…"
        shown = f"{parts.scheme}://" * bool(parts.netloc) + parts.netloc.rpartition("@")[2] + path
    except ValueError:
        shown = "an unreadable address"
    return f"the server answered {reply.status}, a redirect to {shown[:200] or 'nowhere'}; is base_url right?"


_WORDS = re.compile(r"(/[A-Za-z_.-]{1,32}(v?\d)?)*/?")


def _unreadable(reply: Reply) -> str:
    kind = reply.headers.get("content-type", "no content type")
    begins = reply.content[:80].decode("utf-8", "replace")
    hint = "; is base_url right?" if reply.status in {403, 404, 405} else ""
    return f"the server answered {reply.status} with {kind}, not a JSON object, beginning {begins!r}{hint}"


def _retry_after(reply: Reply, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header, given in seconds or as an HTTP date."""
    given = reply.headers.get("retry-after", "").strip()
    if given.isdecimal():
        return float(given)
    moment = http_date(given)
    return max(0.0, (moment - now).total_seconds()) if moment else None


@lru_cache(maxsize=16)
def http_date(given: str | None) -> datetime | None:
    """Read an HTTP date, which all answers of one second share; None where it is none."""
    try:
        moment = parsedate_to_datetime(given or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
