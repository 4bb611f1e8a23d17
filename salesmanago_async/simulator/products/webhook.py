"""The webhook of a key: problems that come up after the answer are posted to its URL.

[guess] They are posted right after the answer, once, and what the receiver answers changes nothing. The vendor's own
receiver, which checks a token in the query of its URL, shows the form: {"problems": [{"reasonCode", "message"}]}.
"""

import logging
from collections import deque
from collections.abc import Sequence
from urllib.error import URLError
from urllib.request import Request, urlopen

import anyio.to_thread
import orjson
from attrs import define, field, frozen

from .answers import shown
from .checks import FieldProblem

_log = logging.getLogger("salesmanago_async.simulator")

SECONDS = 10.0
"""How long the receiver may take to answer."""


@frozen
class Delivery:
    """A body for a URL, whose query may hold a secret."""

    url: str = field(repr=False)
    content: bytes


@define
class Webhooks:
    """What is still to be posted."""

    pending: deque[Delivery] = field(factory=deque[Delivery])

    def add(self, url: str | None, problems: Sequence[FieldProblem]) -> None:
        """Add problems, if there are any; without a URL they are dropped."""
        if url and problems:
            self.pending.append(Delivery(url, orjson.dumps({"problems": shown(problems)})))

    async def deliver(self) -> None:
        """Post what is there, in order. A failure is logged."""
        while self.pending:
            await anyio.to_thread.run_sync(_post, self.pending.popleft())


def _post(delivery: Delivery) -> None:
    if not delivery.url.startswith(("http://", "https://")):
        _log.warning("a webhook was not called: its URL is neither http nor https")
        return
    headers = {"Content-Type": "application/json", "User-Agent": "salesmanago-simulator"}
    try:
        request = Request(delivery.url, delivery.content, headers)  # noqa: S310 - the scheme was checked
        with urlopen(request, timeout=SECONDS):  # noqa: S310
            pass
    except (OSError, URLError, ValueError) as error:
        _log.warning("a webhook did not take its problems: %s", getattr(error, "code", None) or type(error).__name__)
