"""`salesmanago resume`."""

from pathlib import Path
from typing import Any, Literal

import click
from attrs import evolve

from ..file_imports.account import ClientOptions
from ..file_imports.definition import Attempt
from ._client import client_options
from ._file_path import FilePath
from ._run import run


@click.command()
@click.argument("journal", type=FilePath(), metavar="DB")
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
def resume(client: ClientOptions, journal: Path, **options: Any) -> None:
    """Continue the import that was begun with --journal DB.

    The import continues with the same arguments, from any folder. An option given here replaces that of the first call.
    Rows that were accepted are not sent again, and running server jobs are followed to their end. Events without an
    answer are looked for in the account, and those that are missing are sent. Credentials come from the environment.
    """
    raise SystemExit(run(_resume, client=client, journal=journal, **options))


async def _resume(
    *, client: ClientOptions, journal: Path, in_doubt: Literal["send", "drop"] | None, patience: float | None
) -> int:
    from ..file_imports.opening import begun_import, resume_command
    from ._importing import make_import

    begun = begun_import(journal, in_doubt=in_doubt or "ask", patience=patience)
    given = () if patience is None else ("--patience", f"{patience:g}")
    again = (*resume_command(journal), *client.arguments(), *given)
    attempt = Attempt(
        journal=journal,
        in_doubt=in_doubt or "ask",
        continue_command=(*again, "--in-doubt", in_doubt) if in_doubt else again,
        resume_command=again,
    )
    return await make_import(evolve(begun, client=client.over(begun.client)), attempt)
