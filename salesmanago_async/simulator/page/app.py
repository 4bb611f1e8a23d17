"""The ASGI app of a simulator with its page."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from ...errors import Invalid
from .._asgi import App, Message, Receive, Send
from .._refusal import RefusedCall
from .._reply import SimulatedReply, send_reply
from .._request import headers_of, read_content, whole_path_of
from ..app import Simulator
from .actions import ACTIONS
from .document import SECURITY, page, page_of_request
from .guard import refusal_of

OWN = "/-/"
"""Paths below this one belong to the page."""
_HTML, _TEXT = "text/html;charset=UTF-8", "text/plain;charset=UTF-8"


def with_page(simulator: Simulator, *, listens_at: str = "127.0.0.1") -> App:
    """Return an app that shows the page at / and passes everything else to the simulator.

    `listens_at` is the name or the address that the server listens at.
    """

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        path = whole_path_of(scope) if scope["type"] == "http" else ""
        if path in {"/", "/favicon.ico"} or path.startswith(OWN):
            await send_reply(send, await _reply(simulator, listens_at, scope, receive))
        else:
            await simulator(scope, receive, send)

    return app


async def _reply(simulator: Simulator, listens_at: str, scope: Message, receive: Receive) -> SimulatedReply:
    path, posts = whole_path_of(scope), scope["method"] == "POST"
    why = refusal_of(headers_of(scope), posts=posts, listens_at=listens_at)
    if why:
        return _told(403, why)
    if posts:
        return await _act(simulator, scope, receive)
    if scope["method"] not in {"GET", "HEAD"}:
        return _told(405, "the page is read with GET, and its forms are sent with POST")
    if path == "/":
        return _shown(page(simulator, headers_of(scope).get("host", ""), _fields(scope["query_string"])))
    if path.startswith("/-/requests/"):
        return _one_request(simulator, path.removeprefix("/-/requests/"))
    return SimulatedReply(204, b"") if path == "/favicon.ico" else _told(404, "there is no such page")


async def _act(simulator: Simulator, scope: Message, receive: Receive) -> SimulatedReply:
    act = ACTIONS.get(whole_path_of(scope))
    if act is None:
        return _told(404, "there is no such form")
    try:
        next_page = act(simulator, _fields(await read_content(receive)))
    except (Invalid, RefusedCall) as error:
        return _told(400, str(error))
    return SimulatedReply(303, b"", media_type=_TEXT, headers={"location": next_page})


def _one_request(simulator: Simulator, number: str) -> SimulatedReply:
    found = next((one for one in simulator.requests if str(one.number) == number), None)
    return (
        _shown(page_of_request(found, simulator.masking)) if found else _told(404, "this request is not kept any more")
    )


def _fields(content: bytes) -> Mapping[str, str]:
    return dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True))


def _shown(content: bytes) -> SimulatedReply:
    return SimulatedReply(200, content, media_type=_HTML, headers=SECURITY)


def _told(status: int, text: str) -> SimulatedReply:
    return SimulatedReply(status, f"{text}\n".encode(), media_type=_TEXT, headers=SECURITY)
