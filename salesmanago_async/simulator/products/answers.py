"""A request to API v3 → its checked body, or a refusal in one of the two forms."""

from collections.abc import Iterable, Mapping
from hmac import compare_digest
from typing import Any, cast

import orjson

from ...api import PRODUCT_REQUESTS
from ...api.request import ProductRequest
from .._asgi import Message
from .._refusal import RefusedCall
from .._reply import SimulatedReply
from .._request import headers_of, path_of
from .._store import AccountStore
from ..handlers.system import Tokens
from .account import ProductAccount, ProductSettings, StoredKey
from .checks import NOT_AUTHENTICATED, FieldProblem
from .handlers import HANDLERS, RefusedProducts

NOT_VALID = "[Specified json is not valid]"
UNREADABLE = 400
"""[likely] The reason code of a body that is no JSON."""


def is_product_call(scope: Message) -> bool:
    """Return whether a request is for API v3."""
    return path_of(scope).startswith("v3/")


def class_of(path: str) -> type[ProductRequest[Any]]:
    """Return the class of a path; refuse an unknown one. [guess] the body of a 404 and a 405."""
    if path not in HANDLERS:
        raise RefusedCall(f"/{path} is not a path of API v3", status=404)
    return PRODUCT_REQUESTS[path]


def product_body_of(scope: Message, content: bytes) -> dict[str, Any]:
    """Return the JSON object of a request, which is empty for GET."""
    method = class_of(path_of(scope)).method
    if scope["method"] != method:
        raise RefusedCall(f"the method must be {method}", status=405)
    if method == "GET":
        return {}
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise RefusedProducts(FieldProblem(UNREADABLE, NOT_VALID))
    given = cast("dict[str, Any]", body)
    if "catalogName" in given:  # its name before 2023
        given.setdefault("name", given.pop("catalogName"))
    return given


def key_of(scope: Message, store: AccountStore) -> StoredKey | None:
    """Return the key in the header of a request, if the account has it."""
    return store.section(ProductAccount).keys.get(headers_of(scope).get("api-key", ""))


def check_key(scope: Message, body: Mapping[str, Any], store: AccountStore) -> None:
    """Refuse a call without a key that works, or, for auth/create, without a login."""
    if class_of(path_of(scope)).needs_key:
        key = key_of(scope, store)
        if key is None or key.is_revoked or (key.ends is not None and key.ends <= store.clock()):
            raise RefusedProducts(FieldProblem(NOT_AUTHENTICATED, "Not authenticated"))
        return
    password = str(body.get("password") or "")
    is_right = compare_digest(password.encode(), store.section(Tokens).password.encode())
    if body.get("email") not in store.owners or not is_right:
        raise RefusedProducts(FieldProblem(NOT_AUTHENTICATED, "User not authenticated"))


def refused_products(refusal: RefusedProducts, settings: ProductSettings) -> SimulatedReply:
    """Return the reply to a refused request: of the request as a whole, or of its fields."""
    codes = {problem.code for problem in refusal.problems}
    is_whole = UNREADABLE in codes or (NOT_AUTHENTICATED in codes and settings.key_refusal == "messages")
    if is_whole:
        content: dict[str, Any] = {"messages": refusal.messages, "reasonCode": refusal.problems[0].code}
    else:
        content = {"problems": shown(refusal.problems)}
    return SimulatedReply(refusal.status, orjson.dumps(content))


def shown(problems: Iterable[FieldProblem]) -> list[dict[str, Any]]:
    """Return problems as they are sent."""
    return [{"reasonCode": problem.code, "message": problem.message} for problem in problems]
