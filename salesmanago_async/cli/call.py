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
from ._examples import examples
from ._run import fail, run

MISSPELT = 0.8
"""How similar a path must be to a documented one to count as misspelt: see `nearest`."""


def reference_table() -> str:
    """Return a Markdown table of every call: its path, its method, and whether it is sent again when in doubt."""
    from ._reference import reference_table

    return reference_table()


def _print_table(context: click.Context, _parameter: click.Parameter, chosen: bool) -> None:
    if chosen and not context.resilient_parsing:
        click.echo(reference_table())
        context.exit()


def _complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from ..api import ALL_REQUESTS
    from ._reference import purpose_of

    found = ((path, known) for path, known in ALL_REQUESTS.items() if path.startswith(incomplete))
    return [CompletionItem(path, help=purpose_of(known)) for path, known in found]


def _print_list(context: click.Context, _parameter: click.Parameter, chosen: bool) -> None:
    if not chosen or context.resilient_parsing:
        return
    from ..api import ALL_REQUESTS
    from ._reference import purpose_of

    width = max(map(len, ALL_REQUESTS))
    for path, known in ALL_REQUESTS.items():
        click.echo(f"{path:<{width}}  {purpose_of(known)}")
    context.exit()


class _Call(click.Command):
    """A command whose `--help` also describes the path that is given with it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta["arguments"] = list(args)  # click handles --help before it parses PATH
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from ..api import request_class

        paths = list(filter(request_class, ctx.meta["arguments"]))
        for path in paths:
            formatter.write(f"\n{_description(path)}")
        if not paths:
            super().format_epilog(ctx, formatter)


@click.command(
    cls=_Call,
    short_help="Call any endpoint, with JSON.",
    epilog=examples(
        "salesmanago call --list",
        """salesmanago call contact/hasContact '{"email": "ann@example.com"}'""",
        "salesmanago call contact/upsert --help",
        "salesmanago call contact/upsert - < contact.json",
    ),
)
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
@click.option("--any-path", is_flag=True, help="Accept a PATH that is not documented but looks like a misspelt one.")
@click.option(
    "--yes", is_flag=True, help="Do not ask before many contacts are mailed, deleted or unsubscribed. For schedulers."
)
@client_options
def call(client: ClientOptions, path: str, body: str, fields: bool, any_path: bool, yes: bool) -> None:
    """Call any endpoint: PATH as documented (contact/hasContact), and its JSON without credentials; - reads stdin.

    The answer is printed on stdout. The body of a documented path is checked before it is sent, and a PATH that looks
    misspelt is refused. A call that would mail, delete or unsubscribe many contacts prints how many and asks first.
    """
    trimmed = path.strip("/").removeprefix("api/")
    if fields:
        click.echo(_description(trimmed), nl=False)
    else:
        run(_call, client=client, path=trimmed, body=body, any_path=any_path, yes=yes)


def _description(path: str) -> str:
    """Return what a documented path is for, and its fields."""
    from ..api import request_class
    from ._reference import fields_of

    known = request_class(path)
    if known is None:
        fail(f"{path!r} is not a known path{did_you_mean(path)}; 'salesmanago call --list' shows all paths")
    fields = list(fields_of(known))
    width = max((len(field.name) for field in fields), default=0)
    lines = [
        f"  {field.name:<{width}}  {'required' if field.required else 'optional'}  {field.takes}" for field in fields
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
    """Raise `Invalid` for a path that is not documented but similar to one that is; other paths are sent as given."""
    from ..api import ALL_REQUESTS
    from ..support.nearest import nearest

    near = nearest(path, ALL_REQUESTS, similar=MISSPELT)
    if near:
        raise Invalid(
            f"{path!r} is not documented; did you mean {near!r}? With --any-path the call is made as given",
            field="PATH",
        )


def did_you_mean(path: str) -> str:
    """Return a question that names the most similar documented path; "" if none is similar."""
    from ..api import ALL_REQUESTS
    from ..support.nearest import nearest

    near = nearest(path, ALL_REQUESTS)
    return f"; did you mean {near!r}?" if near else ""


def _checked(path: str, content: dict[str, Any], *, yes: bool) -> dict[str, Any]:
    """Return the checked body of a documented path; ask first if the call affects many contacts."""
    from ..api import read_request, write_request
    from ._many import effect_on_many
    from ._reference import misspelt_fields

    try:
        request = read_request(path, content)
    except Invalid as error:
        misspelt = misspelt_fields(path, content)
        raise (Invalid(misspelt) if misspelt else error) from None
    effect = effect_on_many(request)
    if effect:
        ask_first(effect, yes=yes, place=path)
    return write_request(request)


def _parsed(text: str | bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"is not JSON: {error}", field="the body") from None
    if not isinstance(body, dict):
        raise Invalid("is not a JSON object", field="the body")
    return cast("dict[str, Any]", body)
