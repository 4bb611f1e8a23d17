"""How the rows of a DataFrame lie in its partitions, before it is written."""

from typing import TYPE_CHECKING, Literal

from pyspark.sql import functions as F  # noqa: N812 - its usual name
from pyspark.sql.window import Window

from ...errors import Invalid

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

PARTITIONS = 8


def prepare(
    df: "DataFrame",
    *,
    key: str = "email",
    order_by: "str | Column | None" = None,
    partitions: int = PARTITIONS,
    keep: Literal["all", "last"] = "all",
) -> "DataFrame":
    """Return the rows in so many `partitions`, with all rows of one contact in one partition, in order.

    Contacts need it if one of them has several rows: their order says which version is the last. Rows with the same
    `key` (a column, compared without case and surrounding spaces) are in one partition, and there in the order of
    `order_by`. With `keep="last"` only the last row of each key stays, which is quicker: no row waits for the job of an
    earlier one. Rows without a key are kept. Raises `Invalid` for `keep="last"` without `order_by`.

    Take one partition for each task that runs at once, and no more than the account may have requests in flight: each
    further wave of tasks ends with a wait for its last jobs.
    """
    known_by = F.lower(F.trim(F.col(key)))
    if keep == "last":
        if order_by is None:
            raise Invalid("is needed to know which row of a contact is the last", field="order_by")
        df = _last_of_each(df, known_by, F.col(order_by) if isinstance(order_by, str) else order_by)
    df = df.repartition(partitions, known_by)
    return df if order_by is None else df.sortWithinPartitions(order_by)


def _last_of_each(df: "DataFrame", known_by: "Column", order_by: "Column") -> "DataFrame":
    """Keep the last row of each key; rows without a key are all kept."""
    number = "_salesmanago_number"
    window = Window.partitionBy(known_by).orderBy(order_by.desc())
    numbered = df.withColumn(number, F.when(known_by.isNull(), 1).otherwise(F.row_number().over(window)))
    return numbered.filter(F.col(number) == 1).drop(number)
