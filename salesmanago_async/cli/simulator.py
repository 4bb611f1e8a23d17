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
    from ..simulator import Fault


_FAULTS = """\b
A fault is KIND[,NAME=VALUE]…; of several that want one request, the first has it. KIND is
  503, 429, …    that status is answered, nothing was processed
  status-after   status=503 is answered after the request was processed
  slow           the request is processed, and answered, after seconds=2
  late           it is processed at once, and answered after seconds=2
  reset-before   the connection is reset, before the request was processed
  reset-after    the same, after it was processed
  garbled        processed, but the answer is no JSON, nor is a file
  truncated      processed, but half of the answer or the file comes
  trickle        processed, and it comes KB by KB, seconds=2 before each
  wrong-length   processed, but Content-Length is by=10 or by=-10 bytes off
  failed-job     the job that the request starts fails
\b
And for links to files only:
  expired        the link answers 403
  other-file     the link leads to something else:
    how=reordered  the same records in another order, so another version
    how=page       a page of HTML, with status 200
    how=bomb       a small ZIP that unpacks to 128 MB
    how=outside    a ZIP of what the file holds; a name in it is ../../x
  wrong-range    whoever asks for a part of the file gets
    how=ignored    all of it, with status 200
    how=start      a part that begins a byte too early
    how=total      a part that is said to be of a longer file
    how=version    a part of another version of the file
\b
Which requests, and what else:
  path=contact/* such calls; files are links to files          [all]
  at=1;3-5       these of them, counted from 1; 3- is onwards  [all]
  share=0.1      of these, such a part by chance               [all]
  retry-after=5  with a status: 5 seconds; date+5: that as an HTTP date
  after=1000     so many bytes come before truncated or reset-after break it
                 off, garbled begins, or the link is expired
\b
Examples:
  --fault 503,path=contact/batchupsertv2,at=1;3,retry-after=5
  --fault reset-after,path=contact/batchAddContactExtEvent,share=0.1
  --fault expired,after=100000,at=1
"""


@click.command(epilog=_FAULTS)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="The port; 0: any free one."
)
@click.option("--job-seconds", type=click.FloatRange(0), default=1.0, show_default=True, help="How long a job takes.")
@click.option("--link-seconds", type=click.FloatRange(0), default=300.0, show_default=True, help="How long links work.")
@click.option("--state", type=FilePath(written=True), metavar="DB", help="Keep the account in this file.")
@click.option("--fault", "faults", multiple=True, metavar="KIND[,NAME=VALUE]…", help="What goes wrong: see below.")
@click.option("--seed", type=int, default=0, show_default=True, help="What faults with a share depend on.")
def simulator(host: str, port: int, faults: Sequence[str], **options: Any) -> None:
    """Serve a simulated account over HTTP.

    Its credentials and owner are those of the environment (SALESMANAGO_*), or else printed demo ones.
    """
    from ..simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator
    from ..simulator.serve import serve

    credentials, is_demo = _credentials(DEMO_CREDENTIALS)
    try:
        owner = from_environment(os.environ, "OWNER") or DEMO_OWNER
    except Invalid as error:
        fail(str(error))
    try:
        app = Simulator(credentials, owners=(owner,), faults=[_fault(text) for text in faults], **options)
    except Invalid as error:
        fail(f"--state {error}")

    def announce(address: str) -> None:
        lines = {"SALESMANAGO_BASE_URL": address}
        if is_demo:
            lines |= {
                "SALESMANAGO_CLIENT_ID": credentials.client_id,
                "SALESMANAGO_API_KEY": credentials.api_key,
                "SALESMANAGO_API_SECRET": credentials.api_secret or "",
                "SALESMANAGO_OWNER": owner,
            }
        for name, value in lines.items():
            click.echo(f"export {name}={shlex.quote(value)}")

    try:
        with closing(app):
            serve(app, host=host, port=port, announce=announce)
    except OSError as error:
        remedy = "it is taken; --port 0 finds a free one" if error.errno == EADDRINUSE else error.strerror
        fail(f"cannot listen at {host}:{port}: {remedy}")
    except KeyboardInterrupt:
        return


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
