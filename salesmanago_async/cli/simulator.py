"""`salesmanago simulator`."""

import os
import shlex
from collections.abc import Sequence
from contextlib import closing
from errno import EADDRINUSE
from typing import TYPE_CHECKING, Any

import click

from ..errors import Invalid
from ..settings import Credentials, from_environment
from ._file_path import FilePath
from ._run import fail

if TYPE_CHECKING:
    from ..simulator import Fault, ReceivedRequest, Simulator


_LATER = (11, "price|min:0|max:0|Out of range")
"""What is wrong with a product that is refused later: a reason code and a message."""

_FAULTS = """\b
A fault is KIND[,NAME=VALUE]…; if several match a request, the first applies. KIND is
  503, 429, …    answers with this status; the request is not processed
  status-after   answers status=503 after processing the request
  slow           processes the request, and answers, after seconds=2
  late           processes the request immediately, answers after seconds=2
  reset-before   resets the connection before processing the request
  reset-after    resets the connection after processing the request
  garbled        processed, but the answer or the file is not JSON
  truncated      processed, but only half of the answer or the file arrives
  trickle        processed, but it arrives KB by KB, seconds=2 before each
  wrong-length   processed, but Content-Length is by=10 or by=-10 bytes off
  failed-job     the job that the request starts fails
\b
For links to files only:
  expired        the link answers 403
  other-file     the link leads to other content:
    how=reordered  the same records in another order, as another version
    how=page       an HTML page, with status 200
    how=bomb       a small ZIP that unpacks to 128 MB
    how=outside    a ZIP with the file's content and an entry named ../../x
  wrong-range    a request for a part of the file gets
    how=ignored    the whole file, with status 200
    how=start      a part that begins one byte too early
    how=total      a part with the total length of a longer file
    how=version    a part of another version of the file
\b
Which requests, and further options:
  path=contact/* these calls; files means links to files         [all]
  at=1;3-5       these of them, counted from 1; 3- has no end    [all]
  share=0.1      this share of them, chosen at random            [all]
  retry-after=5  with a status: 5 seconds; date+5: as an HTTP date
  after=1000     the number of bytes after which truncated or reset-after
                 cut the answer, garbled begins, or the link expires
\b
Examples:
  --fault 503,path=contact/batchupsertv2,at=1;3,retry-after=5
  --fault reset-after,path=contact/batchAddContactExtEvent,share=0.1
  --fault expired,after=100000,at=1
"""


@click.command(short_help="Serve a simulated account over HTTP.", epilog=_FAULTS)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="The port; 0 chooses a free one."
)
@click.option(
    "--job-seconds", type=click.FloatRange(0), default=1.0, show_default=True, help="How many seconds a job takes."
)
@click.option(
    "--link-seconds",
    type=click.FloatRange(0),
    default=300.0,
    show_default=True,
    help="How many seconds a link to a file works.",
)
@click.option("--state", type=FilePath(written=True), metavar="DB", help="Keep the account in this file between runs.")
@click.option("--fault", "faults", multiple=True, metavar="KIND[,NAME=VALUE]…", help="A fault to simulate; see below.")
@click.option(
    "--strict", is_flag=True, help="Refuse fields and paths that the reference does not name, to find misspelt ones."
)
@click.option(
    "--odd-spellings", is_flag=True, help="Answer as some accounts do: an empty address is null, some numbers are text."
)
@click.option(
    "--later-problem",
    "later_problems",
    multiple=True,
    metavar="PRODUCT_ID",
    help="Accept this product of API v3, do not store it, and post the problem to the webhook.",
)
@click.option("--webhook", metavar="URL", help="The webhook of the printed key of API v3, for later problems.")
@click.option("--page/--no-page", default=True, show_default=True, help="Show the account at / in a browser.")
@click.option("--log", is_flag=True, help="Print each request on stderr, without its body.")
@click.option("--seed", type=int, default=0, show_default=True, help="The seed for faults with a share.")
def simulator(host: str, port: int, *, page: bool, log: bool, **options: Any) -> None:
    """Serve a simulated account over HTTP.

    The credentials and the owner come from the environment (SALESMANAGO_*). If they are not set, demo credentials are
    used and printed. The password of the owner, for 'salesmanago login', is demo-password.

    Fields that the reference does not name are passed over, as by the server, and named on stderr. Calls of API v3
    (products) are answered with the key that is printed.

    The page at / shows contacts, events, products, jobs and requests; it switches faults on and off, and winds the
    clock. It shows no secrets, and takes no forms of other sites.
    """
    from ..simulator.page import with_page
    from ..simulator.serve import serve

    app, is_demo = _app_of(is_logged=log, requests_kept=1000 if page or log else 0, **options)

    def announce(address: str) -> None:
        lines = app.environment(address) if is_demo else {"SALESMANAGO_BASE_URL": address}
        for name, value in lines.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        click.echo(f"# {f'The page: {address}/; ' if page else ''}Ctrl-C ends the simulator.")

    try:
        with closing(app):
            serve(with_page(app, listens_at=host) if page else app, host=host, port=port, announce=announce)
    except OSError as error:
        remedy = "the port is in use; --port 0 chooses a free one" if error.errno == EADDRINUSE else error.strerror
        fail(f"cannot listen on {host}:{port}: {remedy}")
    except KeyboardInterrupt:
        return


def _app_of(
    *, faults: Sequence[str], later_problems: Sequence[str], webhook: str | None, is_logged: bool, **options: Any
) -> "tuple[Simulator, bool]":
    """Return the simulator with these options, and whether it has the demo credentials."""
    from ..simulator import DEMO_CREDENTIALS, DEMO_OWNER, ProductSettings, Simulator

    credentials, is_demo = _credentials(DEMO_CREDENTIALS)
    try:
        owner = from_environment(os.environ, "OWNER") or DEMO_OWNER
    except Invalid as error:
        fail(str(error))

    def print_request(request: "ReceivedRequest") -> None:
        click.echo(app.log_line(request), err=True)

    try:
        app = Simulator(
            credentials,
            owners=(owner,),
            faults=[_fault(text) for text in faults],
            products=ProductSettings(webhook_url=webhook, later_problems=dict.fromkeys(later_problems, _LATER)),
            on_request=print_request if is_logged else None,
            **options,
        )
    except Invalid as error:
        fail(f"--state {error}")
    return app, is_demo


def _credentials(demo: Credentials) -> tuple[Credentials, bool]:
    if not any(name in os.environ for name in ("SALESMANAGO_CLIENT_ID", "SALESMANAGO_API_KEY")):
        return demo, True
    try:
        return Credentials.from_env(), False
    except Invalid as error:
        fail(str(error))


def _fault(text: str) -> "Fault":
    from ..simulator import Fault

    try:
        return Fault.parse(text)
    except Invalid as error:
        fail(f"--fault {text!r}: {error}; see 'salesmanago simulator --help'")
