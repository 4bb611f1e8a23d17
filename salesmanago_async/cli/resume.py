"""`salesmanago resume`."""

from pathlib import Path
from typing import Any, Literal

import click
from attrs import evolve

from ..errors import Invalid
from ._client import ClientOptions, client_options
from ._command import Attempt, Import, command_of
from ._file_path import FilePath, as_argument
from ._paths import check_paths
from ._run import run


@click.command()
@click.argument("journal", type=FilePath(), metavar="DB")
@click.option(
    "--in-doubt",
    type=click.Choice(["send", "drop"]),
    help="Events that stay in doubt: send them (some may then be there twice), or drop them (they go to the rejects)."
    "  [default: look for them once more]",
)
@click.option(
    "--patience",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="How long to go on without any answer from the server.  [default: as the import was begun]",
)
@client_options
def resume(client: ClientOptions, journal: Path, **options: Any) -> None:
    """Go on with the import that was begun with --journal DB.

    It goes on as it was begun, from whatever folder; an option that is given here replaces that of then. What was
    accepted is not sent again, server jobs are followed further, events without an answer are looked for in the
    account, and those that are missing are sent. The credentials come from the environment, as ever.
    """
    raise SystemExit(run(_resume, client=client, journal=journal, **options))


async def _resume(
    *, client: ClientOptions, journal: Path, in_doubt: Literal["send", "drop"] | None, patience: float | None
) -> int:
    from ._importing import make_import

    begun = _begun(journal)
    check_paths(begun, journal)
    if in_doubt and begun.kind == "contacts":
        raise Invalid("is for events; contacts in doubt are sent again, which does no harm", field="--in-doubt")
    given = () if patience is None else ("--patience", f"{patience:g}")
    again = ("salesmanago", "resume", as_argument(journal), *client.arguments(), *given)
    goes_on = (*again, "--in-doubt", in_doubt) if in_doubt else again
    attempt = Attempt(journal=journal, in_doubt=in_doubt or "ask", goes_on=goes_on, resume=again)
    patience = begun.patience if patience is None else patience
    return await make_import(evolve(begun, client=client.over(begun.client), patience=patience), attempt)


def _begun(journal: Path) -> Import:
    from ..stores.journal_rows import read_note

    return command_of(read_note(journal), journal)
