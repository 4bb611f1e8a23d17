"""`salesmanago rejected`."""

import click

from ..stores.addresses import JournalPlace
from ._examples import examples
from ._journal_place import JournalParam
from ._run import run


@click.command(
    short_help="Print what a buffer's file holds as rejected.",
    epilog=examples("salesmanago rejected signups.db", "salesmanago rejected signups.db --forget > rejected.jsonl"),
)
@click.argument("queue", type=JournalParam(), metavar="DB")
@click.option("--forget", is_flag=True, help="Delete them from the file after they are written.")
def rejected(queue: JournalPlace, forget: bool) -> None:
    """Print the rejected records of a buffer, as JSON lines with the reason of each.

    DB is the file of the buffer, or postgresql://host/database?run=NAME.

    Correct the records and import them: `salesmanago import contacts FILE.jsonl`. Records that wait to be sent stay in
    the file. No app may have the file open.
    """
    raise SystemExit(run(_write, queue=queue, forget=forget))


async def _write(*, queue: JournalPlace, forget: bool) -> int:
    import orjson

    from ..stores.queue import StoredQueue

    file, lines = await StoredQueue.reopen(queue)
    try:
        found = [line for line in lines if line.state == "rejected"]
        for line in found:
            click.echo(orjson.dumps({**orjson.loads(line.item), "_reason": line.reason}))
        if forget:
            await file.delete([line.number for line in found])
    finally:
        await file.aclose()
    click.echo(f"{len(found):,} rejected, {len(lines) - len(found):,} to be sent", err=True)
    return 0
