"""The ASGI app: method, path and headers, who asks, which handler; and the files behind links."""

import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from hmac import compare_digest
from typing import Any, cast

import orjson

from ..api import read_request, request_class, write_request
from ..api._fields import Beside
from ..api._lanes import file_beside
from ..errors import Invalid
from ..settings import Credentials
from ._forms import read_form
from ._refusal import Refusal
from ._store import Store
from .handlers import BATCH_HANDLERS, HANDLERS
from .handlers.system import Tokens

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

DEMO_CREDENTIALS = Credentials(client_id="demo-client", api_key="demo-key", api_secret="demo-secret")  # noqa: S106
DEMO_OWNER = "admin@vendor.pl"
DEMO_PASSWORD = "demo-password"  # noqa: S105

LARGEST_BODY = 64 * 1024 * 1024
_PIECE = 64 * 1024
_WITHOUT_OWNER = frozenset(
    {
        "contact/recentActivity",
        "user/listByClient",
        "job/status",
        "email/sendEmail",
        "email/upsert",
        "email/sendWithAttachment",
        "email/massConversationList",
        "email/conversationStatistics",
        "email/messageStatistics",
        "email/globalConversationStatistics",
        "contact/useContactCoupon",
        "contact/addContactCoupon",
        "coupon/verify",
        "system/authorise",
        "workflow/list",
        "workflow/statistics",
        "recommendation/lastViewed",
        "recommendation/mostPurchased",
        "recommendation/purchasedByContact",
        "recommendation/purchasedTogether",
        "vision",
        "customerPreferenceCenter/generateEndpoint",
        "messaging/send",
        "messaging/transactional/send",
        "messaging/conversationList",
        "messaging/mass/conversation/data",
        "messaging/conversationStats",
        "messaging/conversation/data",
        "contact/updateTask",
        "notification/conversation/ids",
        "notification/consent/form/stats",
        "notification/push/stats",
        "notification/consent/form/data",
        "notification/conversation/stats",
        "notification/conversation/data",
    }
)


class Simulator:
    """A simulated account, as an ASGI app. Each instance begins empty.

    `owners` are its user accounts. `clock` gives seconds since 1970; a job takes `job_seconds` on it, and a file link
    works for `link_seconds`. Each of the owners gets a token for `password`, which is good for `token_seconds`
    ([guess] how long one really is good for is not documented).
    """

    def __init__(
        self,
        credentials: Credentials = DEMO_CREDENTIALS,
        *,
        owners: Sequence[str] = (DEMO_OWNER,),
        clock: Callable[[], float] = time.time,
        job_seconds: float = 1.0,
        link_seconds: float = 300.0,
        password: str = DEMO_PASSWORD,
        token_seconds: float = 3600.0,
    ) -> None:
        self._credentials = credentials
        self._store = Store(clock=clock, owners=owners, job_seconds=job_seconds, link_seconds=link_seconds)
        self._tokens = self._store.room(Tokens)
        self._tokens.client_id = credentials.client_id
        self._tokens.password = password
        self._tokens.lifetime_seconds = token_seconds

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            self._store.catch_up()
            if scope["path"].startswith("/files/"):
                await _reply(send, 200, self._file(scope))
                return
            answer = self._answer(scope, await _body(scope, receive))
        except Refusal as refusal:
            content = orjson.dumps({"success": False, "message": refusal.messages, **refusal.fields})
            await _reply(send, refusal.status, content)
        else:
            await _reply(send, 200, orjson.dumps(answer))

    def _file(self, scope: Message) -> bytes:
        if scope["method"] != "GET":
            raise Refusal("files are read with GET", status=405)
        return self._store.file(scope["path"].removeprefix("/files/").removesuffix(".json"))

    def _answer(self, scope: Message, body: Mapping[str, Any]) -> dict[str, Any]:
        path = str(scope["path"]).removeprefix("/api/")
        known = request_class(path)
        if known is None or known.signed:
            self._authenticate(body)
        if path not in _WITHOUT_OWNER or "owner" in body:
            self._check_owner(body.get("owner"))
        if path in BATCH_HANDLERS:
            answer = BATCH_HANDLERS[path](self._store, dict(body))
        else:
            answer = HANDLERS[path](self._store, _checked(path, body))
        if "fileUrl" in answer:
            answer["fileUrl"] = f"{scope['scheme']}://{_headers(scope).get('host', 'localhost')}{answer['fileUrl']}"
        texts: dict[str, Any] = (
            {} if "messages" in answer else {"message": []}
        )  # one documented answer has the other name
        return {"success": True, **texts, **answer}

    def _authenticate(self, body: Mapping[str, Any]) -> None:
        if not body.get("apiKey"):
            raise Refusal("Api key not specified")
        mine = self._credentials
        if mine.api_secret:
            mine = Credentials(client_id=mine.client_id, api_key=str(body["apiKey"]), api_secret=mine.api_secret)
        given = tuple(str(body.get(name)) for name in ("clientId", "apiKey", "sha"))
        expected = (mine.client_id, mine.api_key, mine.signature())
        matches = [compare_digest(one.encode(), other.encode()) for one, other in zip(given, expected, strict=True)]
        if not str(body.get("requestTime")).isdecimal():  # a documented sample has it as text
            raise Refusal("Not authenticated")
        if not all(matches) and not (matches[0] and self._tokens.have_signed(body, self._store.now_ms())):
            raise Refusal("Not authenticated")

    def _check_owner(self, owner: object) -> None:
        if not owner:
            raise Refusal("Not authenticated, not owner specified")
        if owner not in self._store.owners:
            raise Refusal("Not authenticated, invalid owner")


def _checked(path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body as the reference spells it: read, its limits checked, and written again."""
    try:
        return write_request(read_request(path, body))
    except Invalid as error:
        raise Refusal(str(error)) from None


async def _body(scope: Message, receive: Receive) -> Mapping[str, Any]:
    """Return the posted JSON object; refuse what is not one, before anything is looked at."""
    path = str(scope["path"])
    if path.removeprefix("/api/") not in HANDLERS.keys() | BATCH_HANDLERS.keys() or not path.startswith("/api/"):
        raise Refusal(f"{path} is not a documented path", status=404)
    if scope["method"] != "POST":
        raise Refusal("every call is a POST", status=405)
    beside = file_beside(cast("type", request_class(path.removeprefix("/api/"))))
    kind = _headers(scope).get("content-type", "")
    if not kind.startswith("multipart/form-data" if beside else "application/json"):
        raise Refusal(f"the header Content-Type must be {_FORM if beside else _JSON}", status=415)
    content = await _content(receive)
    return _object(_body_of_form(beside[1], kind, content) if beside else content)


_JSON, _FORM = "application/json;charset=UTF-8", "multipart/form-data, with a boundary"


async def _content(receive: Receive) -> bytes:
    content = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal("the client went away", status=400)
        content += message.get("body", b"")
        if len(content) > LARGEST_BODY:
            raise Refusal("the body is too large", status=413)
        if not message.get("more_body"):
            return bytes(content)


def _body_of_form(beside: Beside, kind: str, content: bytes) -> bytes:
    """Return the part of a form that is the body; refuse one without it, or without its file."""
    parts = read_form(kind, content)
    for missing in (name for name in (beside.file, beside.body) if name not in parts):
        raise Refusal(f"{missing}: is missing")
    return parts[beside.body]


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Refusal(f"malformed JSON: {error}", status=400) from None
    if not isinstance(body, dict):
        raise Refusal("the body must be a JSON object", status=400)
    return cast("dict[str, Any]", body)


def _headers(scope: Message) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def _reply(send: Send, status: int, content: bytes) -> None:
    headers = [(b"content-type", b"application/json;charset=UTF-8"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for start in range(0, len(content), _PIECE):
        await send({"type": "http.response.body", "body": content[start : start + _PIECE], "more_body": True})
    await send({"type": "http.response.body", "body": b""})
