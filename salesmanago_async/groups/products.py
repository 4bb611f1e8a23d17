"""`sm.products`: the products of a catalogue (API v3), one request or millions of products."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from os import PathLike
from typing import TYPE_CHECKING, Any, Unpack, cast, overload

from ..api.products import (
    Product,
    ProductPrice,
    ProductQuantity,
    UpdateProductPrices,
    UpdateProductQuantities,
    UpsertProducts,
)
from ..connection.blocks import block
from ..imports.report import Report
from ..imports.runs import Outcomes, ProductRunOptions, Run, price_run, product_run, quantity_run
from ..outcome import RecordT
from ..records.shapes import Shape, price_shape, product_shape, quantity_shape
from ..sources.sources import FileOrFrame, GivenRecords, GivenSource
from .group import Group, call

if TYPE_CHECKING:
    from ..buffers.buffer import Buffer
    from ..buffers.options import ProductBufferOptions
    from ..sync.product_content import ProductPart
    from ..sync.report import SyncReport
    from ..sync.settings import ProductSyncOptions
    from ..sync.syncs import SyncOutcomes


class Products(Group):
    """Calls about products (API v3). They need a `products_key`."""

    upsert = call(UpsertProducts)
    update_quantities = call(UpdateProductQuantities)
    update_prices = call(UpdateProductPrices)

    async def upsert_many(
        self, source: GivenSource, *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> Report:
        """Add any number of products to a catalogue, or change them; return the counts of their outcomes.

        Works as `sm.contacts.upsert_many`, with `Product` values, mappings or rows of files. Columns have the names of
        the API or their snake_case form; details may be flat: brand, season, detail1. Product feeds are read, too: XML
        of Google Merchant or Ceneo, and tables with Google's columns (see records/product_feeds.py).

        A request has up to 100 products, and its answer comes at once, without a server job: *accepted* means that the
        server has taken the product. It stores products later, and sends later problems to the webhook of the key only.

        A refusal names the products to blame. They are rejected, and the others of their request are sent again without
        them. What the server trimmed (reason code 12) is accepted, with a reason in its outcome and a warning in the
        report. The rows of one product are applied in the order of the source. What got no answer is sent again, which
        does no harm; what still has none in the end is in doubt, and a resumed run sends it again. After a try without
        an answer, a later row of one of its products waits for five times the `poll_interval` of the client.

        A refusal that other products would get, too, ends the run: of the key, a quota (19) or the catalogue.
        `report.raise_if_incomplete()` raises `RunIncomplete` then. Raises `Invalid` without a `products_key`.
        """
        return await product_run(self._connection, source, catalog_id, options).execute()

    @overload
    def upserting(
        self, source: FileOrFrame, *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> AbstractAsyncContextManager[Outcomes]: ...
    @overload
    def upserting(
        self,
        source: GivenRecords[RecordT],
        *,
        catalog_id: str,
        **options: Unpack[ProductRunOptions],
    ) -> AbstractAsyncContextManager[Outcomes[RecordT]]: ...
    @block("`async with sm.products.upserting(source, catalog_id=…) as outcomes`, and then `async for` over these")
    async def upserting(
        self, source: GivenSource, *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> AsyncGenerator[Outcomes[Any]]:
        """Run as `upsert_many` does, but yield each outcome when it becomes known; see `sm.contacts.upserting`."""
        async with product_run(self._connection, source, catalog_id, options).outcomes() as outcomes:
            yield outcomes

    async def update_quantities_many(
        self, source: GivenSource, *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> Report:
        """Change the quantities of any number of products, given as `ProductQuantity` values, mappings or rows.

        Works as `upsert_many`; the columns are productId and quantity. It creates no product [likely]: the server takes
        an unknown id without a problem.
        """
        return await quantity_run(self._connection, source, catalog_id, options).execute()

    @overload
    def updating_quantities(
        self, source: FileOrFrame, *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> AbstractAsyncContextManager[Outcomes]: ...
    @overload
    def updating_quantities(
        self,
        source: GivenRecords[RecordT],
        *,
        catalog_id: str,
        **options: Unpack[ProductRunOptions],
    ) -> AbstractAsyncContextManager[Outcomes[RecordT]]: ...
    @block("`async with sm.products.updating_quantities(source, catalog_id=…) as outcomes`, and then `async for`")
    async def updating_quantities(
        self, source: GivenSource, *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> AsyncGenerator[Outcomes[Any]]:
        """Run as `update_quantities_many` does, but yield each outcome when it becomes known."""
        async with quantity_run(self._connection, source, catalog_id, options).outcomes() as outcomes:
            yield outcomes

    async def update_prices_many(
        self, source: GivenSource, *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> Report:
        """Change the prices of any number of products, given as `ProductPrice` values, mappings or rows.

        Works as `upsert_many`; the columns are productId, price and discountPrice. A discount that is left out stays;
        `CLEAR` ends it. It creates no product [likely]: the server takes an unknown id without a problem.
        """
        return await price_run(self._connection, source, catalog_id, options).execute()

    @overload
    def updating_prices(
        self, source: FileOrFrame, *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> AbstractAsyncContextManager[Outcomes]: ...
    @overload
    def updating_prices(
        self,
        source: GivenRecords[RecordT],
        *,
        catalog_id: str,
        **options: Unpack[ProductRunOptions],
    ) -> AbstractAsyncContextManager[Outcomes[RecordT]]: ...
    @block("`async with sm.products.updating_prices(source, catalog_id=…) as outcomes`, and then `async for`")
    async def updating_prices(
        self, source: GivenSource, *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> AsyncGenerator[Outcomes[Any]]:
        """Run as `update_prices_many` does, but yield each outcome when it becomes known."""
        async with price_run(self._connection, source, catalog_id, options).outcomes() as outcomes:
            yield outcomes

    async def sync(
        self,
        source: GivenSource,
        *,
        state: str | PathLike[str],
        catalog_id: str,
        only: "ProductPart | None" = None,
        **options: "Unpack[ProductSyncOptions]",
    ) -> "SyncReport":
        """Send only the products that differ from what the server accepted last; works as `sm.contacts.sync`.

        `source` is the whole catalogue, as for `upsert_many`. `state` is a file that connects one sync with the next,
        32 bytes a product, and belongs to one catalogue.

            report = await sm.products.sync("products.csv", state="products.db", catalog_id="0f6c1f5e")

        Of a product of which nothing but the price and discount, or nothing but the quantity, differs from what was
        accepted last, only these are sent (`update_prices`, `update_quantities`); any other one is sent with all of its
        fields. So fields that somebody else has changed meanwhile stay as they are. Such a request takes as many
        products as the other ones, and a run has up to three that are not full, where it would have one. A product that
        was not accepted is sent whole the next time, and so is a second row of one product.

        A value that has become blank or None makes a product *changed*, but the field in the catalogue keeps its old
        value. `set_as_null` (the column setAsNull of a file) names fields to clear; in a table with Google's columns, a
        product without a sale price loses its discount. With `only="prices"`, `discount_price=CLEAR` ends a discount.

        With `only="prices"` or `"quantities"` the source has the columns of `update_prices_many` or
        `update_quantities_many` alone; such a sync needs a state of its own.

            report = await sm.products.sync("stock.csv", state="stock.db", catalog_id="0f6c1f5e", only="quantities")

        With `removed="deactivate"`, products that are no longer in the source get `available` and `active` False, as no
        call deletes a product. Then the state also holds the id, name, main category and price of each product, which
        such a request needs. A product that comes back is sent with what the source says of it: give `available` and
        `active` there, so that it is switched on again.

        *Accepted* means that the server has taken the product. What it refuses later goes to the webhook of the key
        only, and the sync does not know it. A price or quantity alone does not create such a product [likely]:
        `full=True` sends everything once more.
        """
        from ..sync.syncs import product_sync  # imported here because few programs need it

        return await product_sync(self._connection, source, state, catalog_id, only, options).execute()

    @block(
        "`async with sm.products.syncing(source, state=…, catalog_id=…) as outcomes`, and then `async for` over these"
    )
    async def syncing(
        self,
        source: GivenSource,
        *,
        state: str | PathLike[str],
        catalog_id: str,
        only: "ProductPart | None" = None,
        **options: "Unpack[ProductSyncOptions]",
    ) -> "AsyncGenerator[SyncOutcomes]":
        """Sync as `sync` does, but yield the outcome of each product that is sent when it becomes known."""
        from ..sync.syncs import product_sync

        async with product_sync(self._connection, source, state, catalog_id, only, options).outcomes() as outcomes:
            yield outcomes

    def buffer(
        self, *, catalog_id: str, **options: "Unpack[ProductBufferOptions]"
    ) -> "Buffer[Product | Mapping[str, Any]]":
        """Return a buffer that collects single products and upserts them together; for apps.

        The options are those of `salesmanago_async.buffers.options.ProductBufferOptions`. Of two versions of a
        product that are taken, the later one wins.
        """
        return self._buffer(product_run, product_shape(), catalog_id, options)

    def buffer_quantities(
        self, *, catalog_id: str, **options: "Unpack[ProductBufferOptions]"
    ) -> "Buffer[ProductQuantity | Mapping[str, Any]]":
        """Return a buffer of quantities: each stock change of a shop, sent together with others."""
        return self._buffer(quantity_run, quantity_shape(), catalog_id, options)

    def buffer_prices(
        self, *, catalog_id: str, **options: "Unpack[ProductBufferOptions]"
    ) -> "Buffer[ProductPrice | Mapping[str, Any]]":
        """Return a buffer of prices."""
        return self._buffer(price_run, price_shape(), catalog_id, options)

    def _buffer(
        self, make_run: Callable[..., Run], shape: Shape, catalog_id: str, options: Mapping[str, Any]
    ) -> "Buffer[Any]":
        from ..buffers.buffer import Buffer  # here, as few programs need it
        from ..buffers.options import ProductBufferOptions
        from ..buffers.settings import BufferSettings

        settings, others = BufferSettings.taken_from(options, ProductBufferOptions)
        return Buffer(make_run(self._connection, (), catalog_id, cast("ProductRunOptions", others)), shape, settings)
