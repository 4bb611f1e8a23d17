"""Problems with products that come up after the server has accepted them, as an ASGI app for the webhook of a key.

API v3 accepts products first and stores them later. What goes wrong then is sent to one place only: the webhook URL
that was given when the key was made (`sm.keys.create(…, webhook_url=…)`, or the panel of the account). The server signs
nothing, so a secret in the query of that URL shows that a request comes from it:

    https://shop.example/product-problems/?token=SECRET

```python
import logging
import os

from fastapi import FastAPI

from salesmanago_async.integrations.product_problems import product_problems_app


async def note(problems):
    for problem in problems:
        logging.warning("product problem: %s", problem.text)


app = FastAPI()
app.mount("/product-problems", product_problems_app(token=os.environ["PRODUCTS_TOKEN"], on_problems=note))
```
"""

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from ..api.product_problems import ProductProblem
from ..connection.products import problems_in
from ..errors import Invalid
from ._asgi import App, Message, webhook_app

__all__ = ["product_problems_app"]

BODY_LIMIT = 1024 * 1024
"""The longest accepted body, in bytes: a problem has some 100."""

_log = logging.getLogger("salesmanago_async.integrations.product_problems")


def product_problems_app(
    *,
    token: str,
    on_problems: Callable[[Sequence[ProductProblem]], Awaitable[object]],
    parameter: str = "token",
    body_limit: int = BODY_LIMIT,
) -> App:
    """Return the ASGI app for the webhook of a key of API v3.

    `on_problems` gets the problems of one request: each has a `reason_code`, a `message` and its `text` in words. Which
    product is meant is not documented; the message may name it. The app answers 200 when `on_problems` has returned,
    500 if it raises, 403 to a request without `token` in the `parameter` of its query, and 400 to one that names no
    problem. Whether the server repeats a request that was not answered with 200 is not known: so take the problems
    first, and work on them later. A repeated problem is handed over again.

    Bodies over `body_limit` bytes are refused. Raises `Invalid` for an empty token.
    """
    if not token:
        raise Invalid("is empty, so everybody would know it", field="token")
    expected = token.encode()

    async def handle(scope: Message, delivery: Mapping[str, Any]) -> HTTPStatus:
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get(parameter, [""])[-1]
        if not hmac.compare_digest(given.encode(), expected):
            return HTTPStatus.FORBIDDEN
        problems = problems_in(delivery)
        if not problems:
            _log.warning(
                "a request to the webhook of products names no problem; it has %s", ", ".join(map(repr, delivery))[:80]
            )
            return HTTPStatus.BAD_REQUEST
        try:
            await on_problems(problems)
        except Exception:
            _log.exception("problems with products were not taken")
            return HTTPStatus.INTERNAL_SERVER_ERROR
        return HTTPStatus.OK

    return webhook_app(handle, body_limit=body_limit)
