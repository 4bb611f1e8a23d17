"""Clients of the account of an Airflow connection."""

from collections.abc import Mapping
from typing import Any

import anyio
from airflow.sdk import BaseHook

from ...client import SalesManago
from ...errors import SalesManagoError
from ...settings import DEFAULT_BASE_URL, DEFAULT_PRODUCTS_URL, Credentials
from .info import CONNECTION_TYPE

DEFAULT_CONNECTION = "salesmanago_default"


class SalesManagoHook(BaseHook):
    """Makes clients of the account of a connection; `client` has further options of `SalesManago`.

        async with SalesManagoHook().get_conn() as sm:
            ...

    In a task, use `get_conn`. In a trigger, where other triggers run in the same event loop, use `aget_conn`.
    """

    conn_name_attr = "salesmanago_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = CONNECTION_TYPE
    hook_name = "SALESmanago"

    def __init__(
        self, salesmanago_conn_id: str = DEFAULT_CONNECTION, *, client: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.salesmanago_conn_id = salesmanago_conn_id
        self._options = dict(client or {})

    def get_conn(self) -> SalesManago:
        """Return a client; raise `Invalid` if the connection lacks something."""
        connection = self.get_connection(self.salesmanago_conn_id)
        return _client(connection, connection.extra_dejson, self._options)

    async def aget_conn(self) -> SalesManago:
        """Return a client, without blocking the event loop; raise errors as `get_conn` does."""
        connection = await self.aget_connection(self.salesmanago_conn_id)
        return _client(connection, await extra_of(connection), self._options)

    def test_connection(self) -> tuple[bool, str]:
        """Return whether the server takes the credentials and knows the owner, and what it says."""
        return anyio.run(self._test)

    async def _test(self) -> tuple[bool, str]:
        try:
            async with self.get_conn() as sm:
                users = (await sm.users.list()).users
                if sm.owner not in users:
                    return False, f"owner: is {sm.owner or 'missing'}; the users of the account: {', '.join(users)}"
        except SalesManagoError as error:
            return False, str(error)
        return True, "the server takes the credentials and knows the owner"


async def extra_of(connection: Any) -> dict[str, Any]:
    """Return the extra fields of a connection, in an event loop.

    Reading them has Airflow mask them in logs, which must not wait for a lock in the event loop of a triggerer. Older
    versions have no other way, so they are read once.
    """
    asynchronous = getattr(connection, "aextra_dejson", None)
    found: dict[str, Any] = await asynchronous() if asynchronous else connection.extra_dejson
    return found


def _client(connection: Any, extra: Mapping[str, Any], options: Mapping[str, Any]) -> SalesManago:
    credentials = Credentials(
        client_id=connection.login or "",
        api_key=extra.get("api_key") or "",
        api_secret=None if extra.get("sha") else connection.password,
        sha=extra.get("sha") or None,
    )
    return SalesManago(
        credentials,
        **{
            "owner": extra.get("owner") or None,
            "base_url": connection.host or DEFAULT_BASE_URL,
            "products_key": extra.get("products_key") or None,
            "products_url": extra.get("products_url") or DEFAULT_PRODUCTS_URL,
            **options,
        },
    )
