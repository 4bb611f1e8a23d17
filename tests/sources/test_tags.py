"""What the server changes in tags beside letter case and spaces is a warning, whatever the rows come from."""

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async import Invalid
from salesmanago_async.records.findings import TAGS_WITH_LETTERS, TAGS_WITH_SIGNS, CellKind, findings
from salesmanago_async.records.shapes import contact_shape
from salesmanago_async.simulator._store import tag_names
from salesmanago_async.sources.options import ReadOptions
from salesmanago_async.sources.sources import Source, open_source
from salesmanago_async.sources.warnings import ReadWarning
from tests.sources.test_file_formats import lines_of, workbook

TAGS = ["VIP; new one", "", "VIP|NEW", "A-b_c (d)", "VIP/NEW"]
ROWS: list[dict[str, Any]] = [
    {"email": f"c{number}@example.com", "name": "a|b/c", "tags": tags} for number, tags in enumerate(TAGS)
]
LISTS: list[dict[str, Any]] = [{**row, "tags": [row["tags"]]} for row in ROWS]


def parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def file(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


SOURCES: dict[str, Callable[[Path], Any]] = {
    "CSV": lambda folder: file(folder / "a.csv", "\n".join(map(",".join, [ROWS[0], *map(dict.values, ROWS)]))),
    "JSONL": lambda folder: file(folder / "a.jsonl", lines_of(ROWS)),
    "JSON": lambda folder: file(folder / "a.json", orjson.dumps(LISTS)),
    "xlsx": lambda folder: workbook(folder / "a.xlsx", [list(ROWS[0]), *(list(row.values()) for row in ROWS)]),
    "Parquet": lambda folder: parquet(folder / "a.parquet", ROWS),
    "Parquet with lists": lambda folder: parquet(folder / "a.parquet", LISTS),
    "mappings": lambda _: ROWS,
    "mappings with lists": lambda _: iter(LISTS),
    "documented mappings": lambda _: [{"contact": {"email": row["email"]}, "tags": row["tags"]} for row in LISTS],
    "frame": lambda _: polars.DataFrame(ROWS),
    "frame with lists": lambda _: polars.DataFrame(LISTS),
    "batches": lambda _: iter([pa.Table.from_pylist(LISTS)]),
}
FIRST_LINES = {"CSV": 4, "JSONL": 3, "JSON": None, "xlsx": 4, "Parquet": 3, "Parquet with lists": 3}


def opened(given: Any, **options: Any) -> Source:
    return open_source(given, contact_shape(), ReadOptions(**options))


@pytest.mark.parametrize("kind", SOURCES)
def test_a_tag_that_the_server_changes_is_one_warning_with_the_first_place(kind: str, tmp_path: Path) -> None:
    if kind == "xlsx":
        pytest.importorskip("python_calamine")
    source = opened(SOURCES[kind](tmp_path))
    rows = source.rows()
    assert not isinstance(rows, AsyncIterator)
    assert len(list(rows)) == len(ROWS)
    [warning] = source.warnings
    assert (warning.column, warning.text, warning.count) == ("tags", TAGS_WITH_SIGNS, 2)
    expected = FIRST_LINES.get(kind, 0)
    if expected is not None:
        assert (warning.line, warning.position) == ((expected, None) if expected else (None, 2))


@pytest.mark.parametrize("kind", ["CSV", "mappings", "frame with lists"])
def test_such_a_row_is_rejected_with_strict(kind: str, tmp_path: Path) -> None:
    source = opened(SOURCES[kind](tmp_path), strict=True)
    rows = source.rows()
    assert not isinstance(rows, AsyncIterator)
    for number, (row, _) in enumerate(rows):
        if number in {2, 4}:
            with pytest.raises(Invalid, match=r"tags: has values such as VIP\|NEW"):
                source.body(row)
        else:
            assert source.body(row)


def test_a_column_that_is_mapped_to_tags_is_named_as_in_the_file(tmp_path: Path) -> None:
    source = opened(file(tmp_path / "a.csv", "email,group\na@x.pl,Łódź\n"), columns={"group": "tags"})
    rows = source.rows()
    assert not isinstance(rows, AsyncIterator)
    list(rows)
    assert source.warnings == (ReadWarning(column="group", text=TAGS_WITH_LETTERS, count=1, line=2),)


@given(st.text(st.sampled_from("aZ0 _-()[]{}|/.&żé;,'\""), min_size=1))
def test_what_is_not_warned_of_differs_in_letter_case_and_spaces_only(text: str) -> None:
    tag = text.strip()
    if tag and not re.search(r"[,;\"'\[\]{}()]", tag) and not findings(tag, CellKind.TAGS):
        assert tag_names([tag]) == [re.sub(r"\s", "_", tag).upper()]
