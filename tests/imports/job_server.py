"""A server that takes contacts and answers after a while: cheap enough for ten thousand server jobs in a test."""

from collections import Counter
from typing import Any

import anyio
import httpx
import orjson
from attrs import define, field


@define
class JobServer(httpx.AsyncBaseTransport):
    """Each request takes `latency` seconds, and each server job `job_seconds`. Counts the polls of each job."""

    latency: float = 0.2
    job_seconds: float = 30.0
    begun: list[float] = field(factory=list)
    polls: Counter[int] = field(factory=Counter)
    ended: dict[int, float] = field(factory=dict)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await anyio.sleep(self.latency)
        if request.method == "GET":
            return httpx.Response(200, content=b'{"success":true,"invalidContacts":[]}')
        body = orjson.loads(request.content)
        if request.url.path.endswith("job/status"):
            return httpx.Response(200, json=self._status(body["requestId"]))
        self.begun.append(anyio.current_time())
        return httpx.Response(200, json={"success": True, "message": [], "requestId": len(self.begun)})

    def _status(self, number: int) -> dict[str, Any]:
        self.polls[number] += 1
        if anyio.current_time() < self.begun[number - 1] + self.job_seconds:
            return {"success": True, "message": ["Job not start yet"]}
        self.ended[number] = anyio.current_time()
        return {"success": True, "message": [], "fileUrl": f"https://files.example.com/{number}"}
