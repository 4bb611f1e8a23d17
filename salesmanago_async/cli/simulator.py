"""`salesmanago simulator`."""

import os
from errno import EADDRINUSE

import click

from ..errors import Invalid
from ..settings import Credentials
from ._run import fail


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="The port; 0: any free one."
)
@click.option("--job-seconds", type=click.FloatRange(0), default=1.0, show_default=True, help="How long a job takes.")
@click.option("--link-seconds", type=click.FloatRange(0), default=300.0, show_default=True, help="How long links work.")
def simulator(host: str, port: int, job_seconds: float, link_seconds: float) -> None:
    """Serve a simulated account over HTTP.

    Its credentials and owner are those of the environment (SALESMANAGO_*), or else printed demo ones.
    """
    from ..simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator
    from ..simulator.serve import serve

    credentials, is_demo = _credentials(DEMO_CREDENTIALS)
    owner = os.environ.get("SALESMANAGO_OWNER") or DEMO_OWNER
    app = Simulator(credentials, owners=(owner,), job_seconds=job_seconds, link_seconds=link_seconds)

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
            click.echo(f"export {name}={value}")

    try:
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
