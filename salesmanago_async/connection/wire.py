"""Turns a request value into a signed body, and a reply into an answer or an error. Pure: no I/O.

The time is passed in.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import orjson
from attrs import field, frozen

from ..api import CREDENTIAL_FIELDS, Request, request_class
from ..api.codec import dumps, read_leniently, write
from ..api.codegen import field_specs, upload_of
from ..api.request import DEFAULTED, answer_type
from ..errors import (
    Invalid,
    NotAuthenticated,
    RateLimited,
    Redirected,
    Refused,
    SalesManagoError,
    ServerFault,
    Unreadable,
)
from ..settings import Credentials
from ..support.lenient_json import encodable, loads

AnswerT = TypeVar("AnswerT")

TOO_LARGE = 413
"""The status of a refusal because of the size of the body."""


@frozen
class FormFile:
    """A file that is sent with a body: the body is the form part named `body`, the file the form part named `part`."""

    body: str
    part: str
    name: str
    content: bytes = field(repr=False)
    media_type: str | None = None


@frozen
class Post:
    """A request that is encoded once: `fields` is its JSON object without credentials, `request` its value."""

    path: str
    fields: bytes = field(repr=False)
    repeatable: bool
    request: object | None = field(default=None, repr=False)
    signed: bool = True
    file: FormFile | None = None
    may_answer_nothing: bool = False


@frozen
class Reply:
    """A raw reply: the status, the headers by lower-case name, the whole body."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


def prepare(request: Request[Any], owner: str | None) -> Post:
    """Encode a request and fill in the default owner; raise `Invalid` naming the field that breaks its rule."""
    shown = request if request.signed else {"path": request.path}  # errors carry this value: it must have no password
    try:
        body = _with_owner(write(request), type(request), owner)
        file = _file_of(request)
        fields = dumps(body)
    except Invalid as error:
        error.request = shown
        raise
    return Post(request.path, fields, request.repeatable, shown, request.signed, file, type(request).may_answer_nothing)


def prepare_plain(path: str, body: Mapping[str, Any], owner: str | None) -> Post:
    """Encode plain JSON for any path; a path that is not in the reference counts as not repeatable."""
    trimmed = path.strip().strip("/").removeprefix("api/")
    if not _PATH.fullmatch(trimmed):
        raise Invalid(f"{path!r} is not a path such as 'contact/hasContact'", field="path")
    known = request_class(trimmed)
    fields = {name: value for name, value in body.items() if name not in CREDENTIAL_FIELDS}
    if known:
        _with_owner(fields, known, owner)
        if upload_of(cast("type", known)):
            raise Invalid(f"{trimmed} takes a file besides its JSON: send a {known.__name__}", field="path")
    repeatable, is_signed = (known.repeatable, known.signed) if known else (False, True)
    may_answer_nothing = known is not None and known.may_answer_nothing
    return Post(trimmed, dumps(fields), repeatable, {"path": trimmed}, is_signed, None, may_answer_nothing)


_PATH = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


def _with_owner(body: dict[str, Any], kind: type, owner: str | None) -> dict[str, Any]:
    """Fill in the owner (or user) if the class has that field and the body does not."""
    for spec in field_specs(kind):
        if owner and len(spec.path) == 1 and spec.path[0] in DEFAULTED:
            body.setdefault(spec.path[0], owner)
    return body


def _file_of(request: Request[Any]) -> FormFile | None:
    """Return the file of a request whose class has one, else None; raise `Invalid` if the file is missing."""
    kind: type = type(request)
    upload = upload_of(kind)
    if upload is None:
        return None
    name, parts = upload
    file = getattr(request, name)
    if file is None:
        raise Invalid("is missing", field=name)
    return FormFile(parts.body, parts.file, file.name, file.content, file.media_type)


def signed(fields: bytes, credentials: Credentials, request_time: int) -> bytes:
    """Return the whole body: `fields` with the four authentication fields for this try."""
    head = orjson.dumps(
        {
            "clientId": credentials.client_id,
            "apiKey": credentials.api_key,
            "requestTime": request_time,
            "sha": credentials.signature(),
        }
    )
    return head if fields == b"{}" else b"".join((head[:-1], b",", memoryview(fields)[1:]))


def read_body(reply: Reply, request: object | None, now: datetime, *, may_be_empty: bool = False) -> dict[str, Any]:
    """Return the JSON object of a successful answer; for any other reply raise the matching error.

    `may_be_empty` is True for calls that are known to answer 200 (or 204) without a body on success.
    """
    if reply.status == 429:
        raise RateLimited("429: too many requests", retry_after=_retry_after(reply, now), request=request)
    if reply.status >= 500 or reply.status == 408:
        raise ServerFault(
            f"the server answered {reply.status}{_texts(reply)}",
            status=reply.status,
            retry_after=_retry_after(reply, now),
            request=request,
        )
    if reply.status == TOO_LARGE:
        raise Refused(_too_large(reply), status=TOO_LARGE, request=request)
    if may_be_empty and reply.status in {200, 204} and not reply.content.strip():
        return {"success": True}
    if 300 <= reply.status < 400:
        raise Redirected(_redirect(reply), status=reply.status, request=request)
    body = _json_object(reply)
    if body is None:
        raise Unreadable(_unreadable(reply), status=reply.status, request=request)
    if reply.status >= 400 or success_of(body) is False:
        raise _refusal(body, reply.status, request)
    return body


def read_answer(request: Request[AnswerT], body: Mapping[str, Any]) -> AnswerT:
    """Read a successful answer into the answer class of the request."""
    kind: type = type(request)
    return cast("AnswerT", read_leniently(answer_type(kind), body))


def success_of(body: Mapping[str, Any]) -> bool | None:
    """Return whether an answer or a result file reports success; None if it reports neither success nor failure.

    Only true means success, and only a clear denial means failure; null, {} or "maybe" mean neither.
    """
    value = body.get("success")
    return _SUCCESS.get(str(value).strip().lower()) if isinstance(value, bool | str | int) else None


_SUCCESS = {"true": True, "false": False, "no": False, "0": False}


def messages_of(body: Mapping[str, Any]) -> list[str]:
    """Return the texts of an answer. They come as a list or as one string, under one of two names."""
    found: Any = body.get("message") or body.get("messages") or []
    return [safe_text(text) for text in (found if isinstance(found, list) else [found]) if text is not None]


def safe_text(value: object) -> str:
    """Return a text of the server in a form that is safe to show, log and store.

    Links are cut to their host, credentials that the server sends back are removed, and the result can be encoded.
    """
    return _CREDENTIALS.sub(r"\1…", _LINK.sub(r"\g<scheme>\g<host>/…", encodable(str(value))))


def _safe(value: Any) -> Any:
    return safe_text(value) if isinstance(value, str) else value


_CREDENTIALS = re.compile(
    r"""((?:clientId|apiKey|apiSecret|sha|token|password)[\\"']*\s*[:=]\s*[\\"']*)[^\s"'\\,;&<>)}]+""", re.IGNORECASE
)
_LINK = re.compile(
    r"""
      (?P<scheme>\b[a-z][a-z0-9+.-]*:(?:/|\\/){2})   # the slashes of JSON inside JSON are escaped
      (?:[^\s/?\#@"'<>]*@)?                         # a user and a password
      (?P<host>[^\s/?\#@"'<>\\]*)
      [/?\#\\][^\s"'<>]*
    """,
    re.VERBOSE | re.IGNORECASE,
)


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
    given = body.get("values")
    values = {name: _safe(value) for name, value in given.items()} if isinstance(given, dict) else None
    all_texts = " ".join(messages).lower()
    kind = NotAuthenticated if status == 401 or any(text in all_texts for text in _NOT_AUTHENTICATED) else Refused
    return kind(messages, values=values, status=status, request=request)


def _json_object(reply: Reply) -> dict[str, Any] | None:
    try:
        body = loads(reply.content)
    except ValueError:
        return None
    return cast("dict[str, Any]", body) if isinstance(body, dict) else None


def _too_large(reply: Reply) -> list[str]:
    """Return the messages of a refusal because of size, whether it came from the server or from a gateway."""
    return ["the request is larger than the server takes (413); send less at once", *_messages(reply)]


def _messages(reply: Reply) -> list[str]:
    return messages_of(_json_object(reply) or {})


def _texts(reply: Reply) -> str:
    texts = _messages(reply)
    return f": {'; '.join(texts)}" if texts else ""


def _redirect(reply: Reply) -> str:
    """Describe a redirect without what may be secret: a user, a password, a query, or a path that is not words."""
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
    begins = safe_text(reply.content[:200].decode("utf-8", "replace"))[:80]
    hint = "; is base_url right?" if reply.status in {403, 404, 405} else ""
    return f"the server answered {reply.status} with {kind}, not a JSON object, beginning {begins!r}{hint}"


def _retry_after(reply: Reply, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header, which is in seconds or an HTTP date."""
    given = reply.headers.get("retry-after", "").strip()
    if given.isdecimal():
        return float(given)
    moment = http_date(given)
    return max(0.0, (moment - now).total_seconds()) if moment else None


@lru_cache(maxsize=16)
def http_date(given: str | None) -> datetime | None:
    """Parse an HTTP date, or return None; cached, because all answers of one second share it."""
    try:
        moment = parsedate_to_datetime(given or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
