"""Accounts that the command line is pointed at, and what they hold: asked with nothing of ours."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.request import Request, urlopen

from attrs import define, field

from salesmanago_async.simulator import Simulator


def ask(environ: Mapping[str, str], path: str, **fields: Any) -> dict[str, Any]:
    """Call the account that the variables lead to, and return its answer."""
    client, key, secret = (environ[f"SALESMANAGO_{name}"] for name in ("CLIENT_ID", "API_KEY", "API_SECRET"))
    body = {
        "clientId": client,
        "apiKey": key,
        "requestTime": int(time.time() * 1000),
        "sha": hashlib.sha1((key + client + secret).encode()).hexdigest(),
        "owner": environ["SALESMANAGO_OWNER"],
        **fields,
    }
    request = Request(
        f"{environ['SALESMANAGO_BASE_URL']}/api/{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json;charset=UTF-8"},
    )
    with urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def contacts_of(environ: Mapping[str, str], emails: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Read the contacts of these addresses back, with all that is theirs."""
    for first in range(0, len(emails), 50):
        yield from ask(environ, "contact/list", email=emails[first : first + 50])["contacts"]


@define
class Gateway:
    """Stands before a simulated account; where a path begins with a name in `answers`, it answers in its place.

    An answer is made of the body of the request: an object, or the bytes of a file.
    """

    simulator: Simulator
    answers: dict[str, Callable[[bytes], Mapping[str, Any] | bytes]] = field(factory=dict)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        answer = next((answer for name, answer in self.answers.items() if scope["path"].startswith(name)), None)
        if answer:
            await _answer(send, answer(await _content(receive)))
        else:
            await self.simulator(scope, receive, send)


async def _content(receive: Any) -> bytes:
    content = b""
    while True:
        message = await receive()
        content += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return content


async def _answer(send: Any, body: Mapping[str, Any] | bytes) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
