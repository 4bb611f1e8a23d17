"""`salesmanago rejected`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..stores.addresses import JournalPlace
from ._examples import examples
from ._journal_place import JournalParam
from ._run import run

if TYPE_CHECKING:
    from ..stores.queue_values import Left


@click.command(
    short_help="Print what a buffer's file holds as rejected.",
    epilog=examples("salesmanago rejected signups.db", "salesmanago rejected signups.db --forget > rejected.jsonl"),
)
@click.argument("queue", type=JournalParam(), metavar="DB")
@click.option("--forget", is_flag=True, help="Delete them from the file after they are written.")
def rejected(queue: JournalPlace, forget: bool) -> None:
    """Print the rejected records of a buffer, as JSON lines with the reason of each.

    DB is the file of the buffer, or postgresql://host/database?run=NAME.

    Correct the records and import them: `salesmanago import contacts FILE.jsonl`. Records without an outcome stay in
    the file: they are counted, and the next start of the app goes on with them. No app may have the file open. Each
    worker of an app has a file of its own; the others are named.
    """
    raise SystemExit(run(_write, queue=queue, forget=forget))


async def _write(*, queue: JournalPlace, forget: bool) -> int:
    import orjson

    from ..stores.queue import StoredQueue, places_beside
    from ..stores.queue_values import Left

    file, lines = await StoredQueue.reopen(queue)
    try:
        found = [line for line in lines if line.state == "rejected"]
        for line in found:
            click.echo(orjson.dumps({**orjson.loads(line.item), "_reason": line.reason}))
        if forget:
            await file.delete([line.number for line in found])
    finally:
        await file.aclose()
    click.echo(_counts(len(found), Left.of(line.state for line in lines)), err=True)
    if others := await places_beside(queue):
        click.echo(_of_others([_as_given(other, queue) for other in others]), err=True)
    return 0


def _counts(rejected: int, left: "Left") -> str:
    unconfirmed = f", {left.unconfirmed:,} sent and not yet confirmed" if left.unconfirmed else ""
    polls = " (the next start of the app polls the jobs)" if left.unconfirmed else ""
    return f"{rejected:,} rejected, {left.unsent:,} to be sent{unconfirmed}{polls}"


def _of_others(names: list[str]) -> str:
    them = "it" if len(names) == 1 else "each of them"
    return f"Not counted: {', '.join(names)}, of other workers; run `salesmanago rejected` on {them}, too"


def _as_given(other: JournalPlace, queue: JournalPlace) -> str:
    return str(queue.with_name(other.name) if isinstance(queue, Path) and isinstance(other, Path) else other)
