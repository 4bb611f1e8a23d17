"""dlt: contacts, events and products as destinations of a pipeline (extra `dlt`).

```python
import dlt

from salesmanago_async.integrations.dlt import events


@dlt.resource(name="purchases")
def purchases():
    when = 1_700_000_000_000  # or a datetime
    yield {"email": "ann@example.com", "date": when, "contactExtEventType": "PURCHASE", "externalId": "ORDER-1"}


pipeline = dlt.pipeline("purchases", destination=events())
pipeline.load()  # first what an earlier run, which was killed, has left
pipeline.run(purchases())
```

The columns of a table are the fields of the API or their snake_case; `columns=` maps others, and a table with unknown
columns is refused before anything is sent. Every table of the pipeline goes to the destination, so take one pipeline
for contacts, one for events and one for products.

**Credentials** are dlt's secrets: in `.dlt/secrets.toml`,

    [destination.salesmanago.credentials]
    client_id = "…"
    api_key = "…"
    api_secret = "…"        # or sha
    owner = "admin@example.com"
    base_url = "https://app2.salesmanago.com"

or DESTINATION__SALESMANAGO__CREDENTIALS__CLIENT_ID and so on. What is missing there is taken from SALESMANAGO_CLIENT_ID
and so on, but of the secret and the sha only the one that dlt has. Products need `products_key`, too.

**Kills and failures.** Each file of a load package is one run with a journal of its own, and dlt keeps the files until
they are loaded. So after a kill or a failure `pipeline.load()` goes on: nothing is lost, and no event is sent twice. By
default the journals are SQLite files in the folder of the package. With
`journal="postgresql://host/database?run=crm"` they are in that database, as `crm/LOAD ID/TABLE.FILE`, so that they
outlive the disk of the pipeline if its packages do, too.

A file is loaded when each of its records was accepted or rejected (or submitted, with `wait=False`). Otherwise its job
fails, dlt tries it again a few times and raises; the package stays, and the next `pipeline.load()` goes on with it. Bad
credentials and unknown columns raise at once, and the package stays, too. Rejected records are a warning of the logger
`salesmanago_async.integrations.dlt`; `on_report` gets the name of each table and its `Report`, which has the problems.
At the first Ctrl-C dlt waits for the files that are under way; the second one is a kill.

**Order.** Files of one table have no order in dlt. By default one is sent after the other, which is no slower, as
`concurrency` requests are in flight all the same. If one contact has several rows, keep them in one file: do not set
`file_max_items` or `file_max_bytes`. Of the write dispositions `append` works, and for contacts and products `merge`,
which changes what is there. `replace` is refused, as nothing is removed; see `sm.contacts.sync` for that.
"""

from functools import partial
from pathlib import Path
from typing import Any, Unpack

import dlt
from dlt.common.schema.typing import TTableSchema
from dlt.destinations.impl.destination.factory import destination as Destination  # noqa: N812 - it is a class

from ...imports.runs import ContactRunOptions, EventRunOptions, ProductRunOptions
from ._credentials import SalesManagoCredentials, SalesManagoDestination
from ._files import ClientOptions, FileLoad, OnReport

__all__ = ["contacts", "events", "products"]


class ContactOptions(ContactRunOptions, ClientOptions, total=False):
    """The options of `contacts`: those of its runs and of the client."""


class EventOptions(EventRunOptions, ClientOptions, total=False):
    """The options of `events`: those of its runs and of the client."""


class ProductOptions(ProductRunOptions, ClientOptions, total=False):
    """The options of `products`: those of its runs and of the client."""


def contacts(
    *,
    name: str = "salesmanago",
    on_report: OnReport | None = None,
    parallel_files: int = 1,
    **options: Unpack[ContactOptions],
) -> Destination:
    """Return a destination that adds contacts or changes them, as `sm.contacts.upsert_many` does.

    `name` is its section in dlt's secrets. With more than one of `parallel_files` no contact may be in several files.
    Raises `TypeError` for an unknown option, and `Invalid` for a bad one.
    """
    load = FileLoad.checked(
        lambda sm: sm.contacts.upsert_many,
        options,
        ContactRunOptions,
        dispositions=("append", "merge"),
        on_report=on_report,
    )
    return _destination(load, name, parallel_files)


def events(
    *,
    name: str = "salesmanago",
    on_report: OnReport | None = None,
    parallel_files: int = 1,
    **options: Unpack[EventOptions],
) -> Destination:
    """Return a destination that adds external events, as `sm.events.add_many` does; see `contacts`.

    Events that stay in doubt keep their package from being loaded, until a load with `in_doubt="send"` or "drop".
    """
    load = FileLoad.checked(
        lambda sm: sm.events.add_many,
        options,
        EventRunOptions,
        dispositions=("append",),
        on_report=on_report,
    )
    return _destination(load, name, parallel_files)


def products(
    catalog_id: str,
    *,
    name: str = "salesmanago",
    on_report: OnReport | None = None,
    parallel_files: int = 1,
    **options: Unpack[ProductOptions],
) -> Destination:
    """Return a destination that adds products to a catalogue, or changes them; see `contacts`."""
    load = FileLoad.checked(
        lambda sm: partial(sm.products.upsert_many, catalog_id=catalog_id),
        options,
        ProductRunOptions,
        dispositions=("append", "merge"),
        on_report=on_report,
    )
    return _destination(load, name, parallel_files)


def _destination(load: FileLoad, name: str, parallel_files: int) -> Destination:
    def salesmanago(
        path: Any, table: TTableSchema, credentials: SalesManagoCredentials = dlt.secrets.value
    ) -> None:  # dlt passes the path of a file, where `batch_size` is 0
        load(Path(path), table, credentials)

    make = dlt.destination(
        salesmanago,
        name=name,
        spec=SalesManagoDestination,
        batch_size=0,
        loader_file_format="parquet",
        max_parallel_load_jobs=parallel_files,
    )
    return make()
