"""Records the requests to the simulator."""

import json
from typing import Any

from salesmanago_async.simulator import Simulator


class Listening:
    """The simulator as an ASGI app that records its requests. Paths in `faults` answer 503, once each."""

    def __init__(self, simulator: Simulator) -> None:
        self.faults: list[str] = []
        self._simulator = simulator
        self._heard: list[tuple[str, dict[str, Any]]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix("/api/")
        if path in self.faults:
            self.faults.remove(path)
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        content = bytearray()

        async def hear() -> Any:
            message = await receive()
            content.extend(message.get("body", b""))
            return message

        await self._simulator(scope, hear, send)
        self._heard.append((path, json.loads(content or b"{}")))

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """Return the bodies that were posted to a path, in order."""
        return [body for heard, body in self._heard if heard == path]
