"""`salesmanago check-page`."""

import re
import sys
from pathlib import Path

import click

from ..errors import Invalid, NoAnswer
from ..file_imports.definition import STDOUT
from ..file_imports.ending import ExitCode
from ..support.wording import in_plain_words
from ._examples import examples
from ._run import fail, run

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@click.command(
    "check-page",
    short_help="Check a page's monitoring code.",
    epilog=examples("salesmanago check-page https://shop.example.com/"),
)
@click.argument("page", metavar="FILE|URL")
@click.option(
    "--client-id",
    envvar="SALESMANAGO_CLIENT_ID",
    help="The account that the code must belong to.  [default: SALESMANAGO_CLIENT_ID, if set]",
)
@click.option(
    "--leadoo-connected", is_flag=True, help="The account is connected with Leadoo, so the code loads Leadoo's script."
)
def check_page(page: str, client_id: str | None, leadoo_connected: bool) -> None:
    """Check that a page has the monitoring code of the account, once, and in the right place.

    The page is a file, an https address, or - for standard input.

    Prints a line for each problem: missing, doubled, misplaced, other-client, leadoo-doubled. Exits with 0 if there is
    no problem, 1 if there is one, and 2 if the page cannot be read. Code that a tag manager adds in the browser is not
    in the HTML, so it counts as missing.
    """
    from ..integrations.monitoring import check_page as findings_of
    from ._fetching import shown_address

    html = run(_html, page=page)
    shown = shown_address(page) if _SCHEME.match(page) else page
    findings = findings_of(html, client_id=client_id or None, leadoo_connected=leadoo_connected)
    for finding in findings:
        click.echo(f"{shown}:{finding.line}: {finding.kind}: {finding.message}")
    if findings:
        raise SystemExit(ExitCode.SOME_REJECTED)
    click.echo(f"{shown}: the monitoring code is on the page, once, and in the right place")


async def _html(*, page: str) -> str:
    from ._fetching import fetch_page, read_page

    if page == str(STDOUT):
        return read_page(sys.stdin.buffer, "standard input")
    if not _SCHEME.match(page):
        with Path(page).open("rb") as file:
            return read_page(file, page)
    if not page.lower().startswith(("http://", "https://")):
        raise Invalid("is neither a file nor an https address", field=page)
    try:
        return await fetch_page(page)
    except NoAnswer as error:
        fail(f"{in_plain_words(str(error))}; check the address and the network")
