"""`salesmanago call PATH`, its list of paths, and its table of calls and methods."""

import inspect
import sys
from typing import Any, cast

import click
import orjson
from click.shell_completion import CompletionItem

from ..errors import Invalid
from ..file_imports.account import ClientOptions
from ._asking import ask_first
from ._client import client_options, open_client
from ._run import fail, run

MISSPELT = 0.8
"""How much alike a path has to be to a documented one to be taken for a misspelt one: see `nearest`."""


def reference_table() -> str:
    """Return a Markdown table of every call: its path, its method, and whether it is sent again when in doubt."""
    from ._reference import reference_table

    return reference_table()


def _print_table(context: click.Context, _parameter: click.Parameter, chosen: bool) -> None:
    if chosen and not context.resilient_parsing:
        click.echo(reference_table())
        context.exit()


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
@click.option(
    "--table",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_table,
    help="Show every path, its method of the library and whether it is sent again in doubt, as Markdown, and exit.",
)
@click.option("--fields", is_flag=True, help="Show what PATH is for and its documented fields, and exit.")
@click.option("--any-path", is_flag=True, help="Send it also where PATH is not documented but much like one that is.")
@click.option(
    "--yes", is_flag=True, help="Do not ask before many contacts are mailed, deleted or unsubscribed; for schedulers."
)
@client_options
def call(client: ClientOptions, path: str, body: str, fields: bool, any_path: bool, yes: bool) -> None:
    """Call any endpoint: PATH as documented (contact/hasContact), and its JSON without credentials; - reads stdin.

    The answer goes to stdout. The body of a known path is checked before it is sent, and so is a PATH that looks
    misspelt. What would mail, delete or unsubscribe many contacts says how many first, and asks.
    """
    trimmed = path.strip("/").removeprefix("api/")
    if fields:
        click.echo(_description(trimmed), nl=False)
    else:
        run(_call, client=client, path=trimmed, body=body, any_path=any_path, yes=yes)


def _description(path: str) -> str:
    """Return what a path is for, and its documented fields."""
    from ..api import request_class
    from ._reference import fields_of

    known = request_class(path)
    if known is None:
        fail(f"{path!r} is not a known path{did_you_mean(path)}; 'salesmanago call --list' shows them all")
    described = list(fields_of(known))
    width = max((len(field.name) for field in described), default=0)
    lines = [
        f"  {field.name:<{width}}  {'required' if field.required else 'optional'}  {field.takes}" for field in described
    ]
    return "\n".join([path, "", inspect.cleandoc(known.__doc__ or ""), "", *(lines or ["  no fields"]), ""])


async def _call(*, client: ClientOptions, path: str, body: str, any_path: bool, yes: bool) -> None:
    from ..api import request_class

    if not (any_path or request_class(path)):
        _check_path(path)
    content = _parsed(sys.stdin.buffer.read() if body == "-" else body)
    if request_class(path):
        content = _checked(path, content, yes=yes or client.simulate)
    async with open_client(client) as sm:
        answer = await sm.call(path, content)
    click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())


def _check_path(path: str) -> None:
    """Refuse a path that is not documented and nearly one that is; any other is sent as it is."""
    from ..api import REQUESTS
    from ..api.nearest import nearest

    near = nearest(path, REQUESTS, similar=MISSPELT)
    if near:
        raise Invalid(
            f"{path!r} is not documented; did you mean {near!r}? With --any-path it is sent as it is", field="PATH"
        )


def did_you_mean(path: str) -> str:
    """Return the question whether a path was meant that is much like this one; "" where none is."""
    from ..api import REQUESTS
    from ..api.nearest import nearest

    near = nearest(path, REQUESTS)
    return f"; did you mean {near!r}?" if near else ""


def _checked(path: str, content: dict[str, Any], *, yes: bool) -> dict[str, Any]:
    """Return the body of a known path as it is sent; refuse what does not fit, and ask before it is done to many."""
    from ..api import read_request, write_request
    from ._many import what_it_does_to_many
    from ._reference import misspelt_fields

    try:
        request = read_request(path, content)
    except Invalid as error:
        misspelt = misspelt_fields(path, content)
        raise (Invalid(misspelt) if misspelt else error) from None
    effect = what_it_does_to_many(request)
    if effect:
        ask_first(effect, yes=yes, place=path)
    return write_request(request)


def _parsed(text: str | bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"is no JSON: {error}", field="the body") from None
    if not isinstance(body, dict):
        raise Invalid("is no JSON object", field="the body")
    return cast("dict[str, Any]", body)
