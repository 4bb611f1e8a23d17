"""`salesmanago call PATH`."""

import sys
from typing import Any, cast

import click
import orjson

from ..errors import Invalid
from ._client import ClientOptions, client_options, open_client
from ._run import run


@click.command()
@click.argument("path")
@click.argument("body", default="{}", metavar="[JSON | -]")
@client_options
def call(client: ClientOptions, path: str, body: str) -> None:
    """Call any endpoint: PATH as documented (contact/hasContact), and its JSON without credentials; - reads stdin.

    The answer goes to stdout. The body of a known path is checked before it is sent.
    """
    run(_call, client=client, path=path, body=body)


async def _call(*, client: ClientOptions, path: str, body: str) -> None:
    from ..api import read_request, request_class, write_request

    content = _parsed(sys.stdin.buffer.read() if body == "-" else body)
    known = path.strip("/").removeprefix("api/")
    if request_class(known):
        content = write_request(read_request(known, content))
    async with open_client(client) as sm:
        answer = await sm.call(known, content)
    click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())


def _parsed(text: str | bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"is no JSON: {error}", field="the body") from None
    if not isinstance(body, dict):
        raise Invalid("is no JSON object", field="the body")
    return cast("dict[str, Any]", body)
