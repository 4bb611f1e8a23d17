"""Parquet files are imported as others are; what is refused comes back as JSON lines."""

import json
import subprocess
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

Command = Callable[..., subprocess.CompletedProcess[str]]
QUICK = ("--poll-interval", "0.1")


def test_rejects_are_json_lines_and_can_be_imported(salesmanago: Command, tmp_path: Path) -> None:
    columns = {
        "Mail": ["parquet-ann@example.com", "nobody"],
        "birthday": [date(1984, 5, 12), date(1990, 1, 2)],
        "spent": [Decimal("1.50"), Decimal("2.75")],
    }
    pq.write_table(pa.table(columns), tmp_path / "people.parquet")
    options = ("--map", "Mail=email", "--extra-columns", "ignore", *QUICK)
    shown = salesmanago(
        "import", "contacts", "people.parquet", "--rejects", "bad.jsonl", "--journal", "run.db", *options
    )
    assert shown.returncode == 1, shown.stderr
    assert shown.stderr.startswith("people.parquet:2: rejected: email: ")
    rows = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert [(row["Mail"], row["birthday"], row["spent"], row["_line"]) for row in rows] == [
        ("nobody", "1990-01-02", "2.75", 2)
    ]
    (tmp_path / "bad.jsonl").write_text(json.dumps({**rows[0], "Mail": "parquet-bob@example.com"}) + "\n")
    again = salesmanago("import", "contacts", "bad.jsonl", *options)
    assert again.returncode == 0, again.stderr


def test_rejects_of_another_format_are_refused_before_anything_is_sent(salesmanago: Command, tmp_path: Path) -> None:
    pq.write_table(pa.table({"email": ["parquet-eve@example.com"]}), tmp_path / "people.parquet")
    shown = salesmanago("import", "contacts", "people.parquet", "--rejects", "bad.parquet", *QUICK)
    assert (shown.returncode, "must end in .jsonl" in shown.stderr) == (2, True)
