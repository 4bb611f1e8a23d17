"""Spark: contacts and events are written from the executors, and contacts are read (extra `spark`; Spark 4, Java 17).

```python
from pyspark.sql import DataFrame, SparkSession

from salesmanago_async.integrations.spark import SalesManagoSource, problems, report

JOURNAL = "postgresql://importer@db.example.com/etl"
QUOTA = f"{JOURNAL}?quota=account-1&slots=16"


def write_purchases(spark: SparkSession, purchases: DataFrame, run_id: str) -> DataFrame:
    # run_id: the same if the job has to be run again
    spark.dataSource.register(SalesManagoSource)
    writing = purchases.repartition(8).write.format("salesmanago").mode("append")
    writing = writing.option("operation", "events").option("runId", run_id).option("partitions", 8)
    writing.option("journal", JOURNAL).option("quota", QUOTA).save()
    print(report(run_id, journal=JOURNAL))
    return problems(purchases, run_id, journal=JOURNAL)
```

The columns are the fields of the API or their snake_case, as everywhere; a DataFrame with unknown columns is refused
before anything is sent. The package must be installed on the executors; with Spark Connect also on the server.

**Credentials** come from the environment of the executors: SALESMANAGO_CLIENT_ID, _API_KEY, _API_SECRET, _OWNER, with
`spark.executorEnv.…`, or better from your cluster's secrets. Or they come from `credentials=MODULE:FUNCTION`, a
function that the executors import, and that returns such variables as a mapping. They are never options, because
options are shown. The password of the database comes from PGPASSWORD or PGPASSFILE there.

**What cannot happen.** Spark runs a task again after a failure, sometimes twice at once, and with its rows in another
order. Each partition has a journal, `runId/NUMBER` in the database, in which rows are known by their content. Whatever
is killed (a worker, an executor, the driver), the next attempt, or the same job run again, finds everything that was
sent, and sends only the rest: no event twice, none lost. A second attempt waits for the first, at most `lockTimeout`
seconds; the log of the executor says for whom. If rows have changed, or there are other partitions than before, nothing
is sent and the job fails. Events need a journal; contacts may go without, and are sent again after a failure.

**Order.** If a contact has several rows, `prepare(df, order_by="updated_at", partitions=8)` brings them together in
order, so that the last one wins; `keep="last"` sends only that one.

**How many partitions.** As many as tasks run at once, and at most as many as the account may have requests in flight:
8 to 16. `concurrency` (4) is the most requests of one partition; `quota` holds them all together.

Options of a write: `operation` (contacts or events), `runId`, `journal`, `partitions`, `quota`, `concurrency`,
`pollInterval` (60 seconds), `wait` (true), `tags` (of contacts, separated by commas), `inDoubt` (ask, send or drop),
`extraColumns` (error, ignore or properties), `batchSize` (1000), `lockTimeout` (900 seconds), `credentials`. The mode
is append.

**Reading.** `spark.read.format("salesmanago").option("what", "contacts").load()` reads all contacts: one server job for
each page of a thousand. `what=modified` with `start` and `end` (times with a time zone, or UNIX milliseconds) reads
those that were modified then. The columns are those of `salesmanago export contacts`, chosen by `.schema(…)`, and
`record`, all of a contact as JSON. Further options: `partitions` (4), `pageSize`, `quota`, `concurrency`,
`pollInterval`, `credentials`. Each action reads anew: `persist()` the DataFrame, or write it, before it is used twice.
"""

from .layout import prepare
from .report import problems, report
from .source import SalesManagoSource

__all__ = ["SalesManagoSource", "prepare", "problems", "report"]
