"""`salesmanago job status|save`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from ..errors import JobNotFound
from ._client import ClientOptions, client_options, open_client
from ._run import SOME_REJECTED, run
from ._saving import checked_target, save_job, saving_options, shape_option, stoppable

if TYPE_CHECKING:
    from ..exports.sinks import Destination
    from ..jobs import Job


@click.group()
def job() -> None:
    """Look at a server job, or fetch its file."""


@job.command()
@click.argument("request_id", type=int)
@client_options
def status(client: ClientOptions, request_id: int) -> None:
    """Tell whether a job is running, done, failed or unknown; exit with 1 if it failed or is unknown (job/status).

    Unknown means that the server does not know how the job stands: it expired, or belongs to another account or host.
    That is no failure: it says nothing about the records of the job.
    """
    run(_status, client=client, request_id=request_id)


async def _status(*, client: ClientOptions, request_id: int) -> None:
    async with open_client(client) as sm:
        told = await sm.jobs.attach(request_id).status()
    line = {"request_id": request_id, "state": told.state, "messages": told.messages}
    click.echo(orjson.dumps(line).decode())
    if told.state in {"failed", "unknown"}:
        raise SystemExit(SOME_REJECTED)


@job.command()
@click.argument("request_id", type=int)
@saving_options
@shape_option
@client_options
def save(
    client: ClientOptions,
    request_id: int,
    out: Path,
    format: str | None,  # noqa: A002 - as the option is called
    raw_cells: bool,
    shape: str | None,
    strict: bool,
) -> None:
    """Wait for a job's file, and save its records.

    The file appears under its name when it is complete.
    """
    run(_save, client=client, request_id=request_id, target_options=(out, format, raw_cells, shape), strict=strict)


async def _save(
    *,
    client: ClientOptions,
    request_id: int,
    target_options: tuple[Path, str | None, bool, str | None],
    strict: bool,
) -> None:
    target = checked_target(*target_options)
    async with open_client(client) as sm:
        await stoppable(lambda: _save_known(sm.jobs.attach(request_id), target, strict=strict))


async def _save_known(job: "Job[Any]", target: "Destination", *, strict: bool) -> None:
    """Save a job's file; a number that the server does not know, mistyped perhaps, is not waited for."""
    status = await job.status()
    if status.state == "unknown":
        raise JobNotFound(job.request_id, status.messages)
    await save_job(job, target, strict=strict)
