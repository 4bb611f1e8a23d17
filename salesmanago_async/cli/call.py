"""`salesmanago call PATH`; and what the README's table of calls is made from."""

import inspect
import sys
from typing import Any, cast

import click
import orjson
from click.shell_completion import CompletionItem

from ..errors import Invalid
from ._client import ClientOptions, client_options, open_client
from ._run import fail, run


def reference_table() -> str:
    """Return a Markdown table of every call: its path, its method, and whether it is sent again when in doubt."""
    from ._reference import reference_table

    return reference_table()


def _complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from ..api import REQUESTS
    from ._reference import purpose_of

    return [
        CompletionItem(path, help=purpose_of(known)) for path, known in REQUESTS.items() if path.startswith(incomplete)
    ]


def _print_list(context: click.Context, _parameter: click.Parameter, chosen: bool) -> None:
    if not chosen or context.resilient_parsing:
        return
    from ..api import REQUESTS
    from ._reference import purpose_of

    width = max(map(len, REQUESTS))
    for path, known in REQUESTS.items():
        click.echo(f"{path:<{width}}  {purpose_of(known)}")
    context.exit()


class _Call(click.Command):
    """A command whose help, asked for with a path, tells what that path takes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta["arguments"] = list(args)  # --help is answered before PATH is looked at
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from ..api import request_class

        for path in filter(request_class, ctx.meta["arguments"]):
            formatter.write(f"\n{_description(path)}")


@click.command(cls=_Call)
@click.argument("path", shell_complete=_complete)
@click.argument("body", default="{}", metavar="[JSON | -]")
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=_print_list, help="Show every path, and exit."
)
@click.option("--fields", is_flag=True, help="Show what PATH is for and its documented fields, and exit.")
@client_options
def call(client: ClientOptions, path: str, body: str, fields: bool) -> None:
    """Call any endpoint: PATH as documented (contact/hasContact), and its JSON without credentials; - reads stdin.

    The answer goes to stdout. The body of a known path is checked before it is sent.
    """
    trimmed = path.strip("/").removeprefix("api/")
    if fields:
        click.echo(_description(trimmed), nl=False)
    else:
        run(_call, client=client, path=trimmed, body=body)


def _description(path: str) -> str:
    """Return what a path is for, and its documented fields."""
    from ..api import request_class
    from ._reference import fields_of

    known = request_class(path)
    if known is None:
        fail(f"{path!r} is not a known path; 'salesmanago call --list' shows them all")
    described = list(fields_of(known))
    width = max((len(field.name) for field in described), default=0)
    lines = [
        f"  {field.name:<{width}}  {'required' if field.required else 'optional'}  {field.takes}" for field in described
    ]
    return "\n".join([path, "", inspect.cleandoc(known.__doc__ or ""), "", *(lines or ["  no fields"]), ""])


async def _call(*, client: ClientOptions, path: str, body: str) -> None:
    from ..api import read_request, request_class, write_request

    content = _parsed(sys.stdin.buffer.read() if body == "-" else body)
    if request_class(path):
        content = write_request(read_request(path, content))
    async with open_client(client) as sm:
        answer = await sm.call(path, content)
    click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())


def _parsed(text: str | bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"is no JSON: {error}", field="the body") from None
    if not isinstance(body, dict):
        raise Invalid("is no JSON object", field="the body")
    return cast("dict[str, Any]", body)
