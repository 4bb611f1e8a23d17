"""`salesmanago rejected`."""

from pathlib import Path

import click

from ._file_path import FilePath
from ._run import run


@click.command()
@click.argument("queue", type=FilePath(), metavar="DB")
@click.option("--forget", is_flag=True, help="Delete them from the file after they are written.")
def rejected(queue: Path, forget: bool) -> None:
    """Print the rejected records in the file of a buffer, as JSON lines with the reason of each.

    Correct the records and import them: `salesmanago import contacts FILE.jsonl`. Records that wait to be sent stay in
    the file. No app may have the file open.
    """
    raise SystemExit(run(_write, queue=queue, forget=forget))


async def _write(*, queue: Path, forget: bool) -> int:
    import orjson

    from ..stores.queue_rows import QueueFile

    file, lines = await QueueFile.reopen(queue)
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
