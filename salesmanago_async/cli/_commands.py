"""The command `salesmanago` with all its subcommands."""

import click

from .._version import __version__
from ._run import Guarded
from .call import call
from .catalogs import catalog
from .check import check
from .demo import demo
from .event_exports import events
from .exports import export
from .imports import import_
from .init import init
from .jobs import job
from .journal import journal
from .leadoo import leadoo, leadoo_feed
from .login import login
from .pages import check_page
from .plan import plan
from .quota import quota
from .rejected import rejected
from .resume import resume
from .simulator import simulator
from .sync import sync

_EPILOG = """Examples:

\b
  salesmanago init
  salesmanago check
  salesmanago import contacts people.csv --dry-run
  salesmanago import contacts people.csv --journal people.db --rejects people-rejects.csv
  salesmanago resume people.db

Completion of commands, options and paths: put this line in ~/.bashrc, or the same with zsh in ~/.zshrc, or
'_SALESMANAGO_COMPLETE=fish_source salesmanago | source' in fish's configuration:

\b
  eval "$(_SALESMANAGO_COMPLETE=bash_source salesmanago)"
"""


@click.group(
    cls=Guarded, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="salesmanago")
def salesmanago() -> None:
    """Import contacts, events and products into SALESmanago, or sync what changed; export contacts; call any endpoint.

    Credentials come from environment variables, or from a file of NAME=VALUE lines (--env-file, SALESMANAGO_ENV_FILE),
    which 'salesmanago init' writes, and 'salesmanago login' makes from a password: SALESMANAGO_CLIENT_ID,
    SALESMANAGO_API_KEY, SALESMANAGO_API_SECRET (or SALESMANAGO_SHA), SALESMANAGO_OWNER, SALESMANAGO_BASE_URL. Products
    need SALESMANAGO_PRODUCTS_KEY, too.

    Exit codes: 0 all accepted · 1 some rejected or in doubt, or an error of this program · 2 unusable arguments, input
    or credentials · 3 stopped before the end (with --journal, 'salesmanago resume' continues the import).
    """


for command in (
    init, login, check, import_, sync, resume, journal, quota, plan, catalog, export, job, call, rejected, check_page,
    leadoo_feed, simulator, demo,
):  # fmt: skip
    salesmanago.add_command(command)
import_.add_command(leadoo)
export.add_command(events)
