"""The connection to API v3, which is about products: another host, a key in a header, other words for a failure.

    {"problems": [{"reasonCode": 13, "message": "products[0].name|Missing"}]}      one entry for each wrong field
    {"messages": ["…"], "reasonCode": 10}                                          the request as a whole

The body shows a refusal, not the status: it has a problem that is not a warning, or `success: false`.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

from attrs import define

from ..api.codec import dumps, read_leniently, write
from ..api.product_problems import NOT_AUTHENTICATED, ProductProblem
from ..api.request import ProductRequest, Request
from ..errors import Invalid, NotAuthenticated, Refused
from ..settings import DEFAULT_PRODUCTS_URL, Login, checked_base_url
from .connecting import ConnectionSettings
from .connection import Connection
from .token_source import TokenSource
from .wire import (
    Post,
    Reply,
    check_status,
    json_object_of,
    messages_of,
    read_answer,
    safe_text,
    success_of,
    trimmed_path,
)

AnswerT = TypeVar("AnswerT")

KEY_HEADER = "API-KEY"
URL_SETTING = "products_url"
OK = 200
NOBODY = "nobody"
_KEY = re.compile("[A-Za-z0-9]{1,64}")


@define(kw_only=True)
class ProductConnection(Connection):
    """Sends calls of API v3. `has_key` is False if the client was given no key."""

    has_key: bool

    async def send(self, request: Request[AnswerT]) -> AnswerT:
        """Send a request and return its answer; raise `Invalid` if it needs a key and there is none."""
        if not isinstance(request, ProductRequest):
            raise Invalid("is no call of API v3", field=request.path, request=request)
        if request.needs_key:
            self.check_key(_shown(request))
        return read_answer(cast("Request[AnswerT]", request), await self.post(prepared(request)))

    async def call(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send plain JSON to a path of API v3 and return the plain answer."""
        from ..api.reference import PRODUCT_REQUESTS  # here, as it imports every request class

        trimmed = trimmed_path(path)
        known = PRODUCT_REQUESTS.get(trimmed, ProductRequest)
        if known.needs_key:
            self.check_key({"path": trimmed})
        post = Post(
            path=trimmed,
            fields=b"" if known.method == "GET" else dumps(body),
            repeatable=known is not ProductRequest and known.repeatable,
            request={"path": trimmed},
            signed=False,
            method=known.method,
        )
        del body  # error reporters show local variables, and this may have a password
        return await self.post(post)

    def check_key(self, request: object | None = None) -> None:
        """Raise `Invalid` if the client was given no key."""
        if not self.has_key:
            raise Invalid("is missing: give the client a key of API v3", field="products_key", request=request)


def connect_products(key: str | None, settings: ConnectionSettings, *, base_url: str) -> ProductConnection:
    """Create a connection to API v3; nothing is sent yet. Raises `Invalid` naming the setting that cannot be used."""
    if key is not None and not _KEY.fullmatch(key):
        raise Invalid("is not 1 to 64 letters and digits", field="products_key")
    checked_url = checked_base_url(base_url, setting=URL_SETTING, example=DEFAULT_PRODUCTS_URL)
    http = settings.http(checked_url, root="", headers={KEY_HEADER: key} if key else {})
    return ProductConnection(
        token_source=TokenSource(Login(user_name=NOBODY, password=NOBODY), settings.clock),  # v3 signs nothing
        owner=None,
        poll_interval=settings.poll_interval,  # nothing is polled, but a run measures late requests in it
        retries=settings.retries,
        pace=settings.pace(http),
        http=http,
        clock=settings.clock,
        random=settings.random,
        read_body=read_product_body,
        has_key=key is not None,
    )


def prepared(request: ProductRequest[Any]) -> Post:
    """Encode a request; raise `Invalid` naming the field that breaks its rule."""
    try:
        fields = b"" if request.method == "GET" else dumps(write(request))
    except Invalid as error:
        error.request = _shown(request)
        raise
    return Post(
        path=request.path,
        fields=fields,
        repeatable=request.is_repeatable,
        request=_shown(request),
        signed=False,
        method=request.method,
    )


def _shown(request: ProductRequest[Any]) -> object:
    """Return what errors carry: the request, or only its path if it holds a secret."""
    return {"path": request.path} if request.carries_secret else request


def read_product_body(
    reply: Reply,
    request: object | None,
    now: datetime,
    *,
    may_be_empty: bool = False,  # noqa: ARG001 - of the signature of read_body; no call of v3 answers nothing
) -> dict[str, Any]:
    """Return the JSON object of a successful answer; for any other reply raise the matching error."""
    check_status(reply, request, now, url_setting=URL_SETTING)
    found = _body_or_refusal(reply, request)
    if isinstance(found, Refused):  # here, where no variable holds the answer, which may repeat the credentials
        raise found
    return found


def _body_or_refusal(reply: Reply, request: object | None) -> dict[str, Any] | Refused:
    body = json_object_of(reply, request, url_setting=URL_SETTING)
    problems = problems_in(body)
    errors = [problem for problem in problems if not problem.is_warning]
    if errors or success_of(body) is False or reply.status != OK:
        return refusal(body, errors or problems, status=reply.status, request=request)
    return body


def problems_in(body: Mapping[str, Any]) -> list[ProductProblem]:
    """Return the problems that an answer or a webhook tells in either of the two forms."""
    found: Any = body.get("problems")
    if isinstance(found, list):
        entries: list[Any] = found
        return [_problem(entry) for entry in entries]
    if body.get("reasonCode") is not None:
        texts = messages_of(body) or [""]
        return [_problem({"reasonCode": body["reasonCode"], "message": text}) for text in texts]
    return []


def _problem(entry: Any) -> ProductProblem:
    known = cast("Mapping[str, Any]", entry) if isinstance(entry, Mapping) else {"message": _text(entry)}
    problem = read_leniently(ProductProblem, known)
    return problem if problem.message is None else _with_safe_text(problem)


def _text(entry: Any) -> str:
    return entry if isinstance(entry, str) else json.dumps(entry)


def _with_safe_text(problem: ProductProblem) -> ProductProblem:
    return ProductProblem(reason_code=problem.reason_code, message=safe_text(problem.message), extra=problem.extra)


def refusal(body: Mapping[str, Any], problems: list[ProductProblem], *, status: int, request: object | None) -> Refused:
    """Return the error of a refused request."""
    texts = [problem.whole_text for problem in problems] or messages_of(body)
    is_key = status == 401 or any(problem.reason_code == NOT_AUTHENTICATED for problem in problems)
    kind = NotAuthenticated if is_key else Refused
    return kind(texts, problems=problems, status=status, request=request)
