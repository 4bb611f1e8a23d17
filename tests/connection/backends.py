"""What carries the requests of a client: the backends of the library, and transports that a caller may give."""

from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import httpx_aiohttp
import pytest

from tests.conftest import in_ci

MAKERS: dict[str, Callable[[], Any]] = {
    "httpx": lambda: None,
    "aiohttp": lambda: "aiohttp",
    "a transport of httpx": httpx.AsyncHTTPTransport,
    "a transport of httpx2": httpx2.AsyncHTTPTransport,
    "a transport of httpx-aiohttp": httpx_aiohttp.AiohttpTransport,
}
ASYNCIO_ONLY = {"aiohttp", "a transport of httpx-aiohttp"}
OURS, CALLERS = list(MAKERS)[:2], list(MAKERS)[2:]

EACH = [*OURS, *in_ci(*CALLERS)]
"""All of them, by name; .ci/run tries those of callers."""
EACH_ON_BOTH_LOOPS = [
    ("asyncio", "httpx"),
    ("asyncio", "aiohttp"),
    ("trio", "httpx"),
    *(
        pytest.param(loop, name, marks=pytest.mark.ci)
        for name in CALLERS
        for loop in (["asyncio"] if name in ASYNCIO_ONLY else ["asyncio", "trio"])
    ),
]
