"""A client for the simulator that the project did not write: the standard library's `http.client`, and hashlib."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import Any, cast
from urllib.parse import urlsplit

from attrs import frozen

from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator
from tests.serving import serving_app

SECONDS = 1_767_225_600


@frozen
class RawClient:
    """Posts JSON to a served simulator, signed by hand."""

    host: str
    port: int
    simulator: Simulator

    def signature(self, api_key: str = "any-key") -> dict[str, Any]:
        mine = DEMO_CREDENTIALS
        sha = hashlib.sha1(f"{api_key}{mine.client_id}{mine.api_secret}".encode()).hexdigest()
        return {"clientId": mine.client_id, "apiKey": api_key, "sha": sha, "requestTime": SECONDS}

    def post(self, path: str, body: dict[str, Any], **signature: Any) -> dict[str, Any]:
        """Post a body, signed and with the owner; a field of `signature` that is None is left out."""
        fields = {**self.signature(), "owner": DEMO_OWNER, **body, **signature}
        return self.post_plain(path, {name: value for name, value in fields.items() if value is not None})

    def post_plain(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        status, answer = self.send(path, json.dumps(body).encode())
        assert status == 200, answer
        return answer

    def send(
        self, path: str, content: Any, headers: dict[str, str] | None = None, target: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """Send a body as it is; an iterable is sent in chunks. `http.client` sends no User-Agent of its own."""
        connection = HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.request(
                "POST",
                f"{target}/api/{path}",
                content,
                {"Content-Type": "application/json", **(headers or {})},
                encode_chunked=not isinstance(content, bytes),
            )
            answer: HTTPResponse = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def contact(self, email: str) -> dict[str, Any]:
        """Return a contact as contact/list shows it."""
        (found,) = self.post("contact/list", {"email": [email]})["contacts"]
        assert isinstance(found, dict)
        return found


@contextmanager
def raw_client(**options: Any) -> Iterator[RawClient]:
    """Serve a tolerant simulator over a socket, and yield a client of it."""
    simulator = Simulator(**{"job_seconds": 0, "strict": False, **options})
    with serving_app(simulator) as address:
        parts = urlsplit(address)
        assert parts.port
        yield RawClient(str(parts.hostname), parts.port, simulator)


def filled(body: Any, known: dict[str, str]) -> Any:
    """Replace "$name" by what is known under that name."""
    if isinstance(body, dict):
        return {name: filled(value, known) for name, value in cast("dict[str, Any]", body).items()}
    if isinstance(body, list):
        return [filled(value, known) for value in body]
    return known[body[1:]] if isinstance(body, str) and body.startswith("$") else body
