"""The data source: what Spark asks for `format("salesmanago")`."""

from typing import Any

from pyspark.sql.datasource import DataSource
from pyspark.sql.types import StructType

from ...errors import Invalid
from ._options import ReadOptions, WriteOptions
from .reader import SCHEMA, PageReader, SpanReader
from .writer import PartitionWriter


class SalesManagoSource(DataSource):
    """Writes contacts and events to an account, and reads its contacts: see `salesmanago_async.integrations.spark`.

    Register it once in a session: `spark.dataSource.register(SalesManagoSource)`.
    """

    @classmethod
    def name(cls) -> str:
        """Return the name of the format."""
        return "salesmanago"

    def schema(self) -> str:
        """Return the columns that a read has unless it gives others by `.schema(…)`."""
        return SCHEMA

    def reader(self, schema: StructType) -> PageReader | SpanReader:
        """Return what reads contacts; raise `Invalid` for an option or a column that cannot be used."""
        options = ReadOptions.parse(self.options)
        kind: Any = PageReader if options.what == "contacts" else SpanReader
        return kind(options, schema)  # type: ignore[no-any-return]

    def writer(self, schema: StructType, overwrite: bool) -> PartitionWriter:
        """Return what writes; raise `Invalid` for an option or a mode that cannot be used."""
        if overwrite:
            raise Invalid(
                'is "overwrite", and nothing is removed from an account; give "append", which adds and changes',
                field="mode",
            )
        return PartitionWriter(WriteOptions.parse(self.options))
