"""`salesmanago export contacts`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..errors import Invalid
from ._client import ClientOptions, client_options, open_client
from ._run import run


@click.group()
def export() -> None:
    """Export what the server holds."""


@export.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write: .jsonl or .json.")
@click.option("--tag", "tags", multiple=True, help="Contacts with this tag.")
@click.option("--email", "emails", multiple=True, help="The contact with this address.")
@click.option("--contact-id", "contact_ids", multiple=True, help="The contact with this id.")
@click.option(
    "--data",
    default="CONTACT",
    show_default=True,
    help="Parts, with commas: CONTACT, TAG, EXT_EVENT, VISITS, EMAILS, FUNNELS, NOTES, TASKS, COUPONS, SMS, CONSENTS,"
    " PROPERTIES, DICTIONARY_PROPERTIES.",
)
@client_options
def contacts(**options: Any) -> None:
    """Export the chosen parts of the chosen contacts to a file (contact/export/data)."""
    run(_export, **options)


async def _export(
    *,
    client: ClientOptions,
    out: Path,
    tags: Sequence[str],
    emails: Sequence[str],
    contact_ids: Sequence[str],
    data: str,
) -> None:
    from ..api.selectors import ContactId, Email, Selector, Tag
    from ..exports.sinks import check_path

    check_path(out)
    chosen: list[tuple[type[Selector], Sequence[str]]] = [(Tag, tags), (Email, emails), (ContactId, contact_ids)]
    selectors = [kind(value) for kind, values in chosen for value in values]
    if not selectors:
        raise Invalid("say which contacts: --tag, --email or --contact-id")
    types = [part.strip().upper() for part in data.split(",") if part.strip()]
    async with open_client(client) as sm:
        job = await sm.contacts.export(selectors, types)
        click.echo(
            f"job {job.request_id} is started; 'salesmanago job save {job.request_id}' also fetches it", err=True
        )
        saved = await job.save(out)
    click.echo(f"{saved:,} contacts in {out}")
