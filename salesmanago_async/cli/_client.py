"""The options that every command with a client shares, and the client that they describe."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..connection.pace import MOST_CONCURRENT
from ..errors import Invalid
from ..file_imports.account import ClientOptions
from ._file_path import FilePath
from ._journal_place import QuotaParam
from ._verbosity import verbosity_options

if TYPE_CHECKING:
    from ..client import SalesManago

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

SIMULATED_POLL_INTERVAL = 0.2
SIMULATED_JOB_SECONDS = 0.5


_OPTIONS = (
    click.option(
        "--simulate", is_flag=True, help="Use a simulated account in this process; no credentials are needed."
    ),
    click.option(
        "--env-file",
        type=FilePath(exists=True, dir_okay=False),
        envvar="SALESMANAGO_ENV_FILE",
        help="Read SALESMANAGO_* variables that are not set in the environment from this file, which 'salesmanago init'"
        " writes.  [default: SALESMANAGO_ENV_FILE]",
    ),
    click.option(
        "--owner", help="The e-mail address of the SALESmanago user who owns the data.  [default: SALESMANAGO_OWNER]"
    ),
    click.option(
        "--base-url", help="The server, such as https://app2.salesmanago.com.  [default: SALESMANAGO_BASE_URL]"
    ),
    click.option(
        "--concurrency", type=click.IntRange(1, MOST_CONCURRENT), help="The most requests in flight.  [default: 64]"
    ),
    click.option(
        "--rate", type=click.FloatRange(0, min_open=True), help="The most requests per second.  [default: no limit]"
    ),
    click.option(
        "--poll-interval",
        type=click.FloatRange(0, min_open=True),
        help="Seconds between two polls of a server job; the first one may come after 3.  [default: 60]",
    ),
    click.option(
        "--quota",
        type=QuotaParam(),
        help="Share the requests in flight, and their rate, with all processes that give this quota: see 'salesmanago"
        " quota --help'.  [default: SALESMANAGO_QUOTA]",
    ),
)


def client_options(command: CommandT) -> CommandT:
    """Add the shared options to a command, which receives them as one argument, `client`."""
    names = tuple(ClientOptions.__annotations__)

    @wraps(command)
    def with_client(*args: Any, **kwargs: Any) -> Any:
        options = ClientOptions(**{name: kwargs.pop(name) for name in names})
        return command(*args, client=options, **kwargs)

    decorated: Any = with_client
    for option in reversed((*_OPTIONS, *verbosity_options)):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


@asynccontextmanager
async def open_client(options: ClientOptions, **others: Any) -> AsyncGenerator["SalesManago"]:
    """Open the client that the options describe; `others` are arguments of the class.

    Raises `Invalid` naming the option or variable that is missing.
    """
    from ..client import SalesManago

    pace = {**_present(concurrency=options.concurrency, rate=options.rate, quota=options.quota), **others}
    if options.simulate:
        client = _simulated(options, pace)
    else:
        server = _present(owner=options.owner, base_url=options.base_url, poll_interval=options.poll_interval)
        try:
            client = SalesManago.from_env(options.environ(), **server, **pace)
        except Invalid as error:
            if error.field != "credentials":
                raise
            remedies = "'salesmanago init' asks for them and writes a file for --env-file, --simulate tries the command"
            raise Invalid(f"{error.rule}; {remedies} without an account", field="credentials") from None
    async with client as sm:
        yield sm


def _present(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _simulated(options: ClientOptions, pace: Mapping[str, Any]) -> "SalesManago":
    import httpx

    from ..client import SalesManago
    from ..simulator import DEMO_CREDENTIALS, DEMO_OWNER, DEMO_PRODUCTS_KEY, ProductSettings, Simulator

    owner = options.owner or DEMO_OWNER
    products = ProductSettings(takes_any_catalog=True)  # a new account has none
    simulator = Simulator(owners=(owner,), job_seconds=SIMULATED_JOB_SECONDS, products=products, requests_kept=0)
    return SalesManago(
        DEMO_CREDENTIALS,
        owner=owner,
        products_key=DEMO_PRODUCTS_KEY,
        transport=httpx.ASGITransport(app=simulator),
        poll_interval=options.poll_interval or SIMULATED_POLL_INTERVAL,
        **pace,
    )
