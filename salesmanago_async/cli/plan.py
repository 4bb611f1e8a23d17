"""`salesmanago plan`."""

import re
from typing import TYPE_CHECKING, Any

import click

from ..connection.pace import MOST_CONCURRENT
from ..settings import DEFAULT_CONCURRENCY
from ..support.wording import counted
from ._examples import examples
from ._limits import MOST_PRODUCTS, MOST_RECORDS, duration, limit_text

if TYPE_CHECKING:
    from ..planning import Plan

_UNITS = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}
_COUNT = re.compile(r"(\d+(?:\.\d+)?)([kMG]?)")


def _count(_: click.Context, __: click.Parameter, given: str) -> int:
    """Return the number that 250000, 2,000,000, 500k or 1.5M stands for."""
    found = _COUNT.fullmatch(re.sub(r"[,_ ]", "", given))
    count = round(float(found[1]) * _UNITS[found[2]]) if found else 0
    if count < 1:
        raise click.BadParameter(f"{given!r} is not a number of records such as 250000, 500k or 1.5M")
    return count


_EPILOG = """The plan sends nothing and needs no credentials. Set --latency and --job-seconds to what your account
takes. 'import --dry-run' plans with the records of your files.

For an import by several processes, --concurrency and --rate are for all of them together, and --outstanding is for
each.
"""


@click.command(
    short_help="Say how long an import takes, and what limits it.",
    epilog=examples(
        "salesmanago plan 2M",
        "salesmanago plan 100M --concurrency 20 --job-seconds 300",
        "salesmanago plan 5M --events --rate 20",
        "salesmanago plan 40k --products",
        then=_EPILOG,
    ),
)
@click.argument("records", callback=_count)
@click.option("--events", is_flag=True, help="Plan an import of events, which has no server jobs.")
@click.option("--products", is_flag=True, help="Plan an import of products: small requests, and no server jobs.")
@click.option("--no-wait", is_flag=True, help="Do not follow the server's jobs.")
@click.option("--latency", type=click.FloatRange(0, 3600), default=0.2, show_default=True, help="Seconds per request.")
@click.option(
    "--job-seconds", type=click.FloatRange(0), default=30.0, show_default=True, help="Seconds that a server job takes."
)
@click.option(
    "--concurrency",
    "--slots",
    type=click.IntRange(1, MOST_CONCURRENT),
    default=DEFAULT_CONCURRENCY,
    show_default=True,
    help="The most requests in flight, if the server takes so many.",
)
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="The most requests per second.")
@click.option(
    "--poll-interval",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds between two polls of a server job.",
)
@click.option(
    "--outstanding", type=click.IntRange(1), default=1000, show_default=True, help="The most server jobs followed."
)
@click.option(
    "--processes", type=click.IntRange(1), default=1, show_default=True, help="Processes that import a part each."
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, MOST_RECORDS),
    show_default="1000, or 100 products",
    help="Records per request.",
)
@click.option(
    "--per-second",
    type=click.FloatRange(0, min_open=True),
    default=60_000.0,
    show_default="60000",
    help="Records that a process reads, checks and encodes in a second.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan(
    records: int,
    events: bool,
    products: bool,
    no_wait: bool,
    batch_size: int | None,
    per_second: float,
    as_json: bool,
    **pacing: Any,
) -> None:
    """Say how long an import of RECORDS takes, how many requests and server jobs, and what limits it.

    RECORDS is a number such as 250000, 500k or 1.5M. Of all that limits an import, one number decides its time: the
    plan names it, and how far it is worth raising.
    """
    from ..planning import Pacing, make_plan, workload

    most = MOST_PRODUCTS if products else MOST_RECORDS
    if events and products:
        raise click.UsageError("--events and --products are two imports")
    if batch_size and batch_size > most:
        raise click.BadParameter(f"a request takes at most {most} products", param_hint="--batch-size")
    work = workload(
        records,
        follows_jobs=not (events or products or no_wait),
        batch_size=batch_size or most,
        prepared_per_second=per_second,
    )
    made = make_plan(work, Pacing(**pacing))
    click.echo(_json(made) if as_json else "\n".join(_lines(made)))


def _lines(made: "Plan") -> list[str]:
    polls = f", {counted(made.polls, 'poll')}, and as many result files as jobs" if made.jobs else ""
    chunks = counted(made.work.chunks, "chunk")
    jobs = f"{made.jobs:,}, about {made.outstanding:,} at once" if made.jobs else "none are followed"
    return [
        f"time       about {duration(made.seconds)}: {made.records_per_second:,.0f} records per second",
        f"requests   {made.requests:,}: {chunks}{polls}",
        f"jobs       {jobs}",
        f"limit      {limit_text(made)}",
    ]


def _json(made: "Plan") -> str:
    import orjson

    return orjson.dumps(made.as_dict(), option=orjson.OPT_INDENT_2).decode()
