"""Reads a request: its path, its headers and its posted JSON object. Malformed requests are refused."""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import orjson

from ..api import request_class
from ..api.codegen import upload_of
from ..api.fields import Upload
from ._asgi import Message, Receive
from ._forms import read_form
from ._refusal import RefusedCall
from .handlers import BATCH_HANDLERS, HANDLERS, LEGACY_HANDLERS

_PATHS = HANDLERS.keys() | BATCH_HANDLERS.keys()
LARGEST_BODY = 64 * 1024 * 1024
_JSON, _FORM = "application/json;charset=UTF-8", "multipart/form-data, with a boundary"


def is_file(scope: Message) -> bool:
    """Return whether the request is for the link of a file."""
    return whole_path_of(scope).startswith("/files/")


def path_of(scope: Message) -> str:
    """Return the path without /api/; that of a call of API v3 begins with v3/."""
    whole = whole_path_of(scope)
    return whole[1:] if whole.startswith("/v3/") else whole.removeprefix("/api/")


def whole_path_of(scope: Message) -> str:
    """Return the path; HTTP/1.1 allows a client to send the whole address in its place."""
    path = str(scope["path"])
    return path if path.startswith("/") else urlsplit(path).path


def headers_of(scope: Message) -> dict[str, str]:
    """Return the headers by their names in lower case."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def read_content(receive: Receive) -> bytes:
    """Return the whole body; refuse a body that is too large."""
    content = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedCall("the client went away", status=400)
        content += message.get("body", b"")
        if len(content) > LARGEST_BODY:
            raise RefusedCall("the body is too large", status=413)
        if not message.get("more_body"):
            return bytes(content)


def body_of(scope: Message, content: bytes, *, strict: bool) -> Mapping[str, Any]:
    """Return the posted JSON object; refuse other bodies before anything else is checked.

    A strict simulator does not know the legacy paths.
    """
    path, whole_path = path_of(scope), whole_path_of(scope)
    if not whole_path.startswith("/api/") or not (path in _PATHS or (path in LEGACY_HANDLERS and not strict)):
        raise RefusedCall(f"{whole_path} is not a documented path", status=404)
    if scope["method"] != "POST":
        raise RefusedCall("every call is a POST", status=405)
    known = request_class(path)
    upload = upload_of(cast("type", known)) if known else None
    kind = headers_of(scope).get("content-type", "").lower()
    if not kind.startswith("multipart/form-data" if upload else "application/json"):
        raise RefusedCall(f"the header Content-Type must be {_FORM if upload else _JSON}", status=415)
    return _object(_body_of_form(upload[1], headers_of(scope)["content-type"], content) if upload else content)


def _body_of_form(upload: Upload, kind: str, content: bytes) -> bytes:
    """Return the part of a form that is the body; refuse a form without it, or without its file."""
    parts = read_form(kind, content)
    for missing in (name for name in (upload.file, upload.body) if name not in parts):
        raise RefusedCall(f"{missing}: is missing")
    return parts[upload.body]


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise RefusedCall(f"malformed JSON: {error}", status=400) from None
    if not isinstance(body, dict):
        raise RefusedCall("the body must be a JSON object", status=400)
    return cast("dict[str, Any]", body)
