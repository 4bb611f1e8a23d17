"""`salesmanago catalog list|create|delete`."""

from typing import Any

import click
import orjson

from ..file_imports.account import ClientOptions
from ._asking import ask_first
from ._client import client_options, open_client
from ._examples import examples
from ._run import run


@click.group(short_help="List, create or delete product catalogues.")
def catalog() -> None:
    """List, create or delete product catalogues (API v3). Needs SALESMANAGO_PRODUCTS_KEY."""


@catalog.command("list", short_help="Print the catalogues.", epilog=examples("salesmanago catalog list"))
@client_options
def list_(client: ClientOptions) -> None:
    """Print each catalogue as a line of JSON (API v3, product/catalogList)."""
    run(_list, client=client)


async def _list(*, client: ClientOptions) -> None:
    async with open_client(client) as sm:
        listed = await sm.catalogs.list()
    for one in listed.catalogs:
        _print(
            catalog_id=one.catalog_id,
            name=one.name,
            currency=one.currency,
            location=one.location,
            set_as_default=one.set_as_default,
        )
    if listed.limits and listed.limits.max is not None:
        click.echo(f"{len(listed.catalogs)} of at most {listed.limits.max} catalogues", err=True)


@catalog.command(
    short_help="Create a catalogue.",
    epilog=examples("salesmanago catalog create Main_catalog --currency EUR --location shop_de --default"),
)
@click.argument("name")
@click.option("--currency", required=True, metavar="CODE", help="The currency of its prices, such as EUR.")
@click.option("--location", required=True, help="The location of the external events of the same shop.")
@click.option(
    "--default",
    "set_as_default",
    is_flag=True,
    help="Use its products in recommendations and e-mails; otherwise they are for analytics only.",
)
@client_options
def create(client: ClientOptions, **fields: Any) -> None:
    """Create a catalogue, and print its id as JSON (API v3, product/catalogUpsert)."""
    run(_create, client=client, **fields)


async def _create(*, client: ClientOptions, name: str, currency: str, location: str, set_as_default: bool) -> None:
    async with open_client(client) as sm:
        made = await sm.catalogs.upsert(name, currency=currency, location=location, set_as_default=set_as_default)
    _print(catalog_id=made.catalog_id)


@catalog.command(
    short_help="Delete a catalogue with its products.", epilog=examples("salesmanago catalog delete 0f6c1f5e --yes")
)
@click.argument("catalog_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask first. For scripts.")
@client_options
def delete(client: ClientOptions, catalog_id: str, yes: bool) -> None:
    """Delete a catalogue with its products (API v3, product/catalogDelete)."""
    ask_first("deletes the catalogue with its products", yes=yes or client.simulate, place=catalog_id)
    run(_delete, client=client, catalog_id=catalog_id)


async def _delete(*, client: ClientOptions, catalog_id: str) -> None:
    async with open_client(client) as sm:
        await sm.catalogs.delete(catalog_id)


def _print(**fields: Any) -> None:
    click.echo(orjson.dumps(fields).decode())
