"""The TLS context of a client: one for all its connections, made when the first of them needs it.

To read the certificates takes 25 ms of processor time, which a client of a simulator never pays. Certificates that the
environment names are read at once, so that a wrong variable is reported when the client is made. Certificates are
always verified.
"""

import os
import ssl
from functools import cached_property
from pathlib import Path

from ..errors import Invalid


class Tls:
    """The TLS context for SSL_CERT_FILE or SSL_CERT_DIR, if one is set, otherwise for the usual authorities."""

    def check(self) -> None:
        """Raise `Invalid` if a variable of the environment names certificates that cannot be read."""
        if _variable():
            _ = self.context

    @cached_property
    def context(self) -> ssl.SSLContext:
        """The context; raises `Invalid` like `check`; the errors of httpx name no variable."""
        import httpx  # here, so that importing the package does not import httpx

        variable = _variable()
        try:
            if variable == "SSL_CERT_DIR":
                next(Path(os.environ[variable]).iterdir(), None)
            elif variable:
                Path(os.environ[variable]).read_bytes()
            return httpx.create_ssl_context()
        except (OSError, ValueError) as error:
            if variable is None:
                raise
            reason = getattr(error, "strerror", None) or str(error)
            raise Invalid(f"names certificates that cannot be read: {reason}", field=variable) from None

    @cached_property
    def unused_context(self) -> ssl.SSLContext:
        """A context that trusts nobody, for connections without TLS: httpx wants one, or reads certificates itself."""
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _variable() -> str | None:
    return next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), None)
