"""pandas is not needed: it is made unimportable in a driver and in its workers."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.spark.cluster import ROOT, Account
from tests.spark.conftest import MISSING

pytestmark = pytest.mark.ci
pytest.importorskip("pyspark", reason=MISSING)

BLOCKER = """
import sys


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(name, name=name)


sys.meta_path.insert(0, Blocker())
"""
DRIVER = """
import sys

from pyspark.sql import SparkSession

from salesmanago_async.integrations.spark import SalesManagoSource, problems, report

journal, run_id = sys.argv[1:]
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.setLogLevel("OFF")
spark.dataSource.register(SalesManagoSource)
df = spark.createDataFrame([("ann@example.com", "Ann"), ("nobody", "Bob")], "email STRING, name STRING").repartition(1)
options = {"operation": "contacts", "runId": run_id, "journal": journal, "partitions": 1, "pollInterval": 0.2}
df.write.format("salesmanago").mode("append").options(**options).save()
assert [row["name"] for row in problems(df, run_id, journal=journal).collect()] == ["Bob"]
assert report(run_id, journal=journal).accepted == 1
rows = spark.read.format("salesmanago").option("what", "contacts").option("pollInterval", 0.2).load().collect()
assert [row["name"] for row in rows] == ["Ann"]
assert "pandas" not in sys.modules
"""


def test_a_driver_without_pandas_writes_reads_and_finds_problems(
    environ: Mapping[str, str], account: Account, database: str, run_id: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKER)
    variables = {
        **os.environ,
        **environ,
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    command = [sys.executable, "-c", DRIVER, database, run_id]
    done = subprocess.run(
        command, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=400
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert account.names() == {"ann@example.com": "Ann"}
