"""`salesmanago resume`."""

import re
from typing import Any, Literal

import click
from attrs import evolve

from ..file_imports.account import ClientOptions
from ..file_imports.definition import Attempt
from ..stores.addresses import JournalPlace
from ._client import client_options
from ._examples import examples
from ._journal_place import JournalParam
from ._run import run


@click.command(
    short_help="Continue an import from its journal.",
    epilog=examples("salesmanago resume people.db", "salesmanago resume purchases.db --in-doubt send --concurrency 4"),
)
@click.argument("journal", type=JournalParam(), metavar="DB")
@click.option(
    "--in-doubt",
    type=click.Choice(["send", "drop"]),
    help="What to do with events that stay in doubt: send them, which may create duplicates, or drop them, which writes"
    " them to the rejects.  [default: look for them once more]",
)
@click.option(
    "--patience",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="How long to keep trying without any answer from the server.  [default: as in the first call]",
)
@client_options
def resume(client: ClientOptions, journal: JournalPlace, **options: Any) -> None:
    """Continue the import that was begun with --journal DB, a file or postgresql://host/database?run=NAME.

    The import continues with the same arguments, from any folder. An option given here replaces that of the first call.
    Rows that were accepted are not sent again, and running server jobs are followed to their end. Events without an
    answer are looked for in the account, and those that are missing are sent. Credentials come from the environment.
    """
    raise SystemExit(run(_resume, client=client, journal=journal, **options))


for option in resume.params:
    if isinstance(option, click.Option) and option.help and option.name in ClientOptions.__annotations__:
        option.help = re.sub(r"\[default: .*\]", "[default: as in the first call]", option.help)


async def _resume(
    *, client: ClientOptions, journal: JournalPlace, in_doubt: Literal["send", "drop"] | None, patience: float | None
) -> int:
    from ..file_imports.opening import begun_import, resume_command
    from ._importing import make_import

    begun = begun_import(journal, in_doubt=in_doubt or "ask", patience=patience)
    given = () if patience is None else ("--patience", f"{patience:g}")
    again = (*resume_command(journal), *client.arguments(), *given)
    attempt = Attempt(
        journal=None if begun.sync else journal,
        in_doubt=in_doubt or "ask",
        continue_command=(*again, "--in-doubt", in_doubt) if in_doubt else again,
        resume_command=again,
    )
    return await make_import(evolve(begun, client=client.over(begun.client)), attempt)
