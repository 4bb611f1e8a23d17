"""A certificate of this machine, made for the measure, which clients verify as any other."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

HOST = "127.0.0.1"
_VARIABLE = "SSL_CERT_FILE"


@contextmanager
def trusted_certificate() -> Iterator[Path]:
    """Give a file with a certificate and its key; this process and those that it starts trust its authority alone."""
    import trustme

    before = os.environ.get(_VARIABLE)
    authority = trustme.CA()
    with TemporaryDirectory() as folder:
        trusted, certificate = Path(folder) / "authority.pem", Path(folder) / "server.pem"
        authority.cert_pem.write_to_path(trusted)
        authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(certificate)
        os.environ[_VARIABLE] = str(trusted)
        try:
            yield certificate
        finally:
            del os.environ[_VARIABLE]
            os.environ.update({_VARIABLE: before} if before is not None else {})
