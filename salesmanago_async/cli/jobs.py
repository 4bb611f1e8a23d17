"""`salesmanago job status|save`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from ..errors import JobNotFound
from ..file_imports.account import ClientOptions
from ..file_imports.ending import ExitCode
from ._client import client_options, open_client
from ._examples import examples
from ._run import run
from ._saving import checked_destination, save_job, saving_options, shape_option, stoppable

if TYPE_CHECKING:
    from ..exports.sinks import Destination
    from ..jobs import Job


@click.group()
def job() -> None:
    """Show the status of a server job, or save its file."""


@job.command(
    short_help="Show whether a job is running, done, failed or unknown.", epilog=examples("salesmanago job status 37")
)
@click.argument("request_id", type=int)
@client_options
def status(client: ClientOptions, request_id: int) -> None:
    """Show whether a job is running, done, failed or unknown; exit with 1 if it failed or is unknown (job/status).

    "unknown" means that the server does not know the job: it has expired, or belongs to another account or server. This
    is not a failure, and says nothing about the records of the job.
    """
    run(_status, client=client, request_id=request_id)


async def _status(*, client: ClientOptions, request_id: int) -> None:
    async with open_client(client) as sm:
        status = await sm.jobs.attach(request_id).status()
    line = {"request_id": request_id, "state": status.state, "messages": status.messages}
    click.echo(orjson.dumps(line).decode())
    if status.state in {"failed", "unknown"}:
        raise SystemExit(ExitCode.SOME_REJECTED)


@job.command(short_help="Save the file of a job.", epilog=examples("salesmanago job save 37 --out mailing.jsonl"))
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
    """Wait for the file of a job, and save its records.

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
    target = checked_destination(*target_options)
    async with open_client(client) as sm:
        await stoppable(lambda: _save_known(sm.jobs.attach(request_id), target, strict=strict))


async def _save_known(job: "Job[Any]", target: "Destination", *, strict: bool) -> None:
    """Save the file of a job; do not wait for an id that the server does not know, which may be mistyped."""
    status = await job.status()
    if status.state == "unknown":
        raise JobNotFound(job.request_id, status.messages)
    await save_job(job, target, strict=strict)
