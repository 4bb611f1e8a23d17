"""The options that every command shares, and the client they make."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..connection.pace import MOST_CONCURRENT
from ..errors import Invalid
from ..file_imports.account import ClientOptions
from ._file_path import FilePath

if TYPE_CHECKING:
    from ..client import SalesManago

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

SIMULATED_POLL_INTERVAL = 0.2
SIMULATED_JOB_SECONDS = 0.5


_OPTIONS = (
    click.option("--simulate", is_flag=True, help="Let an embedded simulator answer; no account is needed."),
    click.option(
        "--env-file",
        type=FilePath(exists=True, dir_okay=False),
        help="Read the SALESMANAGO_* variables that are not set from this file.",
    ),
    click.option("--owner", help="The SALESmanago user account to work for; else SALESMANAGO_OWNER."),
    click.option("--base-url", help="The server, such as https://app2.salesmanago.com; else SALESMANAGO_BASE_URL."),
    click.option("--concurrency", type=click.IntRange(1, MOST_CONCURRENT), help="Requests in flight.  [default: 8]"),
    click.option("--rate", type=click.FloatRange(0, min_open=True), help="Requests per second at most."),
    click.option(
        "--poll-interval",
        type=click.FloatRange(0, min_open=True),
        help="Seconds between two looks at a server job.  [default: 60]",
    ),
)


def client_options(command: CommandT) -> CommandT:
    """Give a command the shared options, which it gets as one argument, `client`."""
    names = tuple(ClientOptions.__annotations__)

    @wraps(command)
    def collected(*args: Any, **kwargs: Any) -> Any:
        options = ClientOptions(**{name: kwargs.pop(name) for name in names})
        return command(*args, client=options, **kwargs)

    described: Any = collected
    for option in reversed(_OPTIONS):
        described = option(described)
    return described  # type: ignore[no-any-return]


@asynccontextmanager
async def open_client(options: ClientOptions, **others: Any) -> AsyncGenerator["SalesManago"]:
    """Open the client that the options (and `others` of the class) describe; raise `Invalid` naming what is missing."""
    from ..client import SalesManago

    pace = {**_present(concurrency=options.concurrency, rate=options.rate), **others}
    if options.simulate:
        client = _simulated(options, pace)
    else:
        place = _present(owner=options.owner, base_url=options.base_url, poll_interval=options.poll_interval)
        try:
            client = SalesManago.from_env(options.environ(), **place, **pace)
        except Invalid as error:
            if error.field != "credentials":
                raise
            raise Invalid(f"{error.rule}; or try it out with --simulate", field="credentials") from None
    async with client as sm:
        yield sm


def _present(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _simulated(options: ClientOptions, pace: Mapping[str, Any]) -> "SalesManago":
    import httpx

    from ..client import SalesManago
    from ..simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator

    owner = options.owner or DEMO_OWNER
    simulator = Simulator(owners=(owner,), job_seconds=SIMULATED_JOB_SECONDS)
    return SalesManago(
        DEMO_CREDENTIALS,
        owner=owner,
        transport=httpx.ASGITransport(app=simulator),
        poll_interval=options.poll_interval or SIMULATED_POLL_INTERVAL,
        **pace,
    )
