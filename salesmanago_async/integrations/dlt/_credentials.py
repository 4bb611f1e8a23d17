"""The account of a destination: dlt's secrets, and the environment where these have none."""

import os
from typing import Any

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import CredentialsConfiguration
from dlt.common.typing import TSecretStrValue
from dlt.destinations.impl.destination.configuration import CustomDestinationClientConfiguration

from ...client import SalesManago
from ...settings import DEFAULT_BASE_URL, DEFAULT_PRODUCTS_URL, Credentials, from_environment, joined_environment


@configspec
class SalesManagoCredentials(CredentialsConfiguration):
    """The account: what dlt's secrets have, and of the rest what SALESMANAGO_CLIENT_ID and so on have.

    If dlt has the secret or the sha, neither is taken from the environment.
    """

    client_id: str = None  # type: ignore[assignment]  # so dlt marks what is needed
    api_key: TSecretStrValue = None  # type: ignore[assignment]
    api_secret: TSecretStrValue | None = None
    sha: TSecretStrValue | None = None
    owner: str | None = None
    base_url: str | None = None
    products_key: TSecretStrValue | None = None
    products_url: str | None = None

    def on_partial(self) -> None:
        """Look in the environment for what dlt does not have; dlt names what is missing then."""
        self._complete()
        if self.client_id and self.api_key:
            self.resolve()

    def on_resolved(self) -> None:
        """Look in the environment for what may be missing in dlt."""
        self._complete()

    def _complete(self) -> None:
        variables = {f"SALESMANAGO_{name.upper()}": name for name in self.get_resolvable_fields()}
        given = {variable: self[name] for variable, name in variables.items() if self.get(name)}
        environ = joined_environment(given, os.environ)
        for name in variables.values():
            self[name] = from_environment(environ, name.upper()) or None

    def data_location(self) -> str:
        """Return the host, which dlt names after a load."""
        return self.base_url or DEFAULT_BASE_URL

    def __str__(self) -> str:
        return self.data_location()

    def client(self, **options: Any) -> SalesManago:
        """Return a client of the account; raise `Invalid` if something is missing."""
        credentials = Credentials(
            client_id=self.client_id, api_key=self.api_key, api_secret=self.api_secret, sha=self.sha
        )
        return SalesManago(
            credentials,
            owner=self.owner,
            base_url=self.data_location(),
            products_key=self.products_key,
            products_url=self.products_url or DEFAULT_PRODUCTS_URL,
            **options,
        )


@configspec
class SalesManagoDestination(CustomDestinationClientConfiguration):
    """What dlt resolves for the destinations of this module."""

    credentials: SalesManagoCredentials = None  # type: ignore[assignment]
