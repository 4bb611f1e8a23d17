"""Turns a request value into a signed body, and a reply into an answer or an error. Pure: no I/O.

The time is passed in.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache
from typing import Any, TypeAlias, TypeVar, cast
from urllib.parse import urlsplit

import attrs
import orjson
from attrs import field, frozen

from ..api.codec import dumps, read_leniently, write
from ..api.codegen import field_specs, names_of, upload_of
from ..api.request import DEFAULTED, Request, answer_type
from ..errors import (
    Invalid,
    NotAuthenticated,
    RateLimited,
    Redirected,
    Refused,
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


Guard: TypeAlias = Callable[[], Awaitable[None]]
"""Raises an error, such as `JournalFailed`, if a request must not be sent any more."""


@frozen
class Post:
    """A request that is encoded once: `fields` is its JSON object without credentials, `request` its value.

    `guard` is called before each try, when the try may start at once.
    """

    path: str
    fields: bytes = field(repr=False)
    repeatable: bool
    request: object | None = field(default=None, repr=False)
    signed: bool = True
    file: FormFile | None = None
    may_answer_nothing: bool = False
    repeats_client_id: tuple[str, ...] = ()
    """The objects of the body that have the client id, too."""
    method: str = "POST"
    guard: Guard | None = field(default=None, repr=False)


ReadBody = Callable[..., dict[str, Any]]
"""Reads the JSON object of a reply, as `read_body` does."""


@frozen
class Reply:
    """A raw reply: the status, the headers by lower-case name, the whole body.

    `seconds` is how long it took, from when the request was written to the end of the body.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    seconds: float = 0.0


def prepare(request: Request[Any], owner: str | None) -> Post:
    """Encode a request and fill in the default owner; raise `Invalid` naming the field that breaks its rule."""
    kind: type = type(request)
    shown = request if request.signed else {"path": request.path}  # errors carry this value: it must have no password
    try:
        body = _with_owner(write(request), kind, owner)
        file = _file_of(request)
        fields = dumps(body)
    except Invalid as error:
        error.request = shown
        raise
    return Post(
        path=request.path,
        fields=fields,
        repeatable=request.is_repeatable,
        request=shown,
        signed=request.signed,
        file=file,
        may_answer_nothing=request.may_answer_nothing,
        repeats_client_id=parts_with_client_id(kind),
    )


def prepare_plain(path: str, body: Mapping[str, Any], owner: str | None) -> Post:
    """Encode plain JSON for any path; a path that is not in the reference counts as not repeatable."""
    from ..api.reference import request_class, without_credentials  # here, as it imports every request class

    trimmed = trimmed_path(path)
    known = request_class(trimmed)
    fields = without_credentials(trimmed, body)
    if known:
        fields = _with_owner(fields, known, owner)
        if upload_of(cast("type", known)):
            raise Invalid(f"{trimmed} takes a file besides its JSON: send a {known.__name__}", field="path")
    repeatable, is_signed = (known.repeatable, known.signed) if known else (False, True)
    return Post(
        path=trimmed,
        fields=dumps(fields),
        repeatable=repeatable,
        request={"path": trimmed},
        signed=is_signed,
        may_answer_nothing=known is not None and known.may_answer_nothing,
        repeats_client_id=parts_with_client_id(cast("type", known)) if known else (),
    )


def trimmed_path(path: str) -> str:
    """Return a path as the classes of `salesmanago_async.api` have it, without /api/; raise `Invalid` if it is none."""
    trimmed = path.strip().strip("/").removeprefix("api/")
    if not _PATH.fullmatch(trimmed):
        raise Invalid(f"{path!r} is not a path such as 'contact/hasContact'", field="path")
    return trimmed


_PATH = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


def _with_owner(body: dict[str, Any], kind: type, owner: str | None) -> dict[str, Any]:
    """Return the body with the owner (or user) wherever the class has that field and the body does not."""
    if not owner:
        return body
    missing = {name: owner for name in DEFAULTED & names_of(kind).keys() if name not in body}
    parts = {
        name: _with_owner(body[name], names_of(kind)[name].kind, owner)
        for name in parts_with_client_id(kind)
        if isinstance(body.get(name), Mapping)
    }
    return {**body, **missing, **parts} if missing or parts else body


@cache
def parts_with_client_id(kind: type) -> tuple[str, ...]:
    """Return the names of the objects in the body of a class that have a client id and an owner of their own."""
    return tuple(
        spec.wire_name
        for spec in field_specs(kind)
        if isinstance(spec.kind, type) and attrs.has(spec.kind) and spec.path and "clientId" in names_of(spec.kind)
    )


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


def signed(fields: bytes, credentials: Credentials, request_time: int, parts: Iterable[str] = ()) -> bytes:
    """Return the whole body: `fields` with the four authentication fields for this try.

    The objects that are named in `parts` get the client id, too.
    """
    if parts:
        fields = _with_client_id(fields, credentials.client_id, parts)
    head = orjson.dumps(
        {
            "clientId": credentials.client_id,
            "apiKey": credentials.api_key,
            "requestTime": request_time,
            "sha": credentials.signature(),
        }
    )
    return head if fields == b"{}" else b"".join((head[:-1], b",", memoryview(fields)[1:]))


def _with_client_id(fields: bytes, client_id: str, parts: Iterable[str]) -> bytes:
    body = orjson.loads(fields)
    given = {name: {"clientId": client_id, **body[name]} for name in parts if isinstance(body.get(name), dict)}
    return orjson.dumps({**body, **given})


def read_body(reply: Reply, request: object | None, now: datetime, *, may_be_empty: bool = False) -> dict[str, Any]:
    """Return the JSON object of a successful answer; for any other reply raise the matching error.

    `may_be_empty` is True for calls that are known to answer 200 (or 204) without a body on success.
    """
    check_status(reply, request, now)
    if may_be_empty and reply.status in {200, 204} and not reply.content.strip():
        return {"success": True}
    found = _body_or_refusal(reply, request)
    if isinstance(found, Refused):  # here, where no variable holds the answer, which may repeat the credentials
        raise found
    return found


def _body_or_refusal(reply: Reply, request: object | None) -> dict[str, Any] | Refused:
    body = json_object_of(reply, request)
    if reply.status >= 400 or success_of(body) is False:
        return _refusal(body, reply.status, request)
    return body


def check_status(reply: Reply, request: object | None, now: datetime, *, url_setting: str = "base_url") -> None:
    """Raise the error of a reply whose status alone says what is wrong.

    `url_setting` is the setting of the client that has the address of the server.
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
    if 300 <= reply.status < 400:
        raise Redirected(_redirect(reply, url_setting), status=reply.status, request=request)


def json_object_of(reply: Reply, request: object | None, *, url_setting: str = "base_url") -> dict[str, Any]:
    """Return the JSON object of a reply; raise `Unreadable` if it has none. `url_setting` is as in `check_status`."""
    body = _json_object(reply)
    if body is None:
        raise Unreadable(_unreadable(reply, url_setting), status=reply.status, request=request)
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


def _refusal(body: Mapping[str, Any], status: int, request: object | None) -> Refused:
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


def _redirect(reply: Reply, url_setting: str) -> str:
    """Describe a redirect without what may be secret: a user, a password, a query, or a path that is not words."""
    try:
        parts = urlsplit(reply.headers.get("location", ""))
        path = parts.path if _WORDS.fullmatch(parts.path) else "/…"
        shown = f"{parts.scheme}://" * bool(parts.netloc) + parts.netloc.rpartition("@")[2] + path
    except ValueError:
        shown = "an unreadable address"
    return f"the server answered {reply.status}, a redirect to {shown[:200] or 'nowhere'}; is {url_setting} right?"


_WORDS = re.compile(r"(/[A-Za-z_.-]{1,32}(v?\d)?)*/?")


def _unreadable(reply: Reply, url_setting: str) -> str:
    kind = reply.headers.get("content-type", "no content type")
    begins = safe_text(reply.content[:200].decode("utf-8", "replace"))[:80]
    hint = f"; is {url_setting} right?" if reply.status in {403, 404, 405} else ""
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
