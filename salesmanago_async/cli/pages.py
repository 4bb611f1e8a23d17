"""`salesmanago check-page`."""

import re
import sys
from pathlib import Path

import click

from ..errors import Invalid, NoAnswer
from ..file_imports.definition import STDOUT
from ..file_imports.ending import ExitCode
from ..support.wording import in_plain_words
from ._run import fail, run

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@click.command("check-page")
@click.argument("page", metavar="FILE|URL")
@click.option(
    "--client-id",
    envvar="SALESMANAGO_CLIENT_ID",
    help="The account that the code has to be of; else SALESMANAGO_CLIENT_ID, if set.",
)
@click.option(
    "--leadoo-connected", is_flag=True, help="The account is connected with Leadoo's: the code brings its script."
)
def check_page(page: str, client_id: str | None, leadoo_connected: bool) -> None:
    """Find out whether the monitoring code stands on a page, once, where it belongs, and is that of the account.

    The page is a file, an https address, or - for standard input.

    Prints a line for each thing that is wrong: missing, doubled, misplaced, other-client, leadoo-doubled. Exits with 0
    where all is well, 1 where something is wrong, 2 where there is no page to be had. What a tag manager adds in the
    browser is not in the HTML, and counts as missing.
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
    click.echo(f"{shown}: the monitoring code is there, once, where it belongs")


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
