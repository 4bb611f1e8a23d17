"""`salesmanago job status|save`."""

from pathlib import Path

import click
import orjson

from ._client import ClientOptions, client_options, open_client
from ._run import SOME_REJECTED, run


@click.group()
def job() -> None:
    """Look at a server job, or fetch its file."""


@job.command()
@click.argument("request_id", type=int)
@client_options
def status(client: ClientOptions, request_id: int) -> None:
    """Tell whether a job is running, done or failed, and exit with 1 if it failed (job/status)."""
    run(_status, client=client, request_id=request_id)


async def _status(*, client: ClientOptions, request_id: int) -> None:
    async with open_client(client) as sm:
        told = await sm.jobs.attach(request_id).status()
    line = {"request_id": request_id, "state": told.state, "messages": told.messages}
    click.echo(orjson.dumps(line).decode())
    if told.state == "failed":
        raise SystemExit(SOME_REJECTED)


@job.command()
@click.argument("request_id", type=int)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write: .jsonl or .json.")
@client_options
def save(client: ClientOptions, request_id: int, out: Path) -> None:
    """Wait for a job's file, and save its records."""
    run(_save, client=client, request_id=request_id, out=out)


async def _save(*, client: ClientOptions, request_id: int, out: Path) -> None:
    from ..exports.sinks import check_path

    check_path(out)
    async with open_client(client) as sm:
        saved = await sm.jobs.attach(request_id).save(out)
    click.echo(f"{saved:,} records in {out}")
