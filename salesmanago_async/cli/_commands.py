"""The command `salesmanago` with all its subcommands."""

import click

from .._version import __version__
from ._run import Guarded
from .call import call
from .check import check
from .event_exports import events
from .exports import export
from .imports import import_
from .jobs import job
from .leadoo import leadoo, leadoo_feed
from .pages import check_page
from .rejected import rejected
from .resume import resume
from .simulator import simulator


@click.group(cls=Guarded, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="salesmanago")
def salesmanago() -> None:
    """Import contacts and events into SALESmanago, resume imports, export contacts, and call any endpoint.

    Credentials come from environment variables, or from a file of NAME=VALUE lines (--env-file): SALESMANAGO_CLIENT_ID,
    SALESMANAGO_API_KEY, SALESMANAGO_API_SECRET (or SALESMANAGO_SHA), SALESMANAGO_OWNER, SALESMANAGO_BASE_URL.

    Exit codes: 0 all accepted · 1 some rejected or in doubt, or an error of this program · 2 unusable arguments, input
    or credentials · 3 stopped before the end (with --journal, 'salesmanago resume' continues the import).
    """


for command in (import_, resume, export, job, call, check, check_page, leadoo_feed, rejected, simulator):
    salesmanago.add_command(command)
import_.add_command(leadoo)
export.add_command(events)
