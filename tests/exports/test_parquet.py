"""Parquet: pyarrow reads back the saved records, in columns of the right types."""

import io
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from salesmanago_async import Invalid
from salesmanago_async.exports import parquet
from salesmanago_async.exports.parquet import ParquetTable
from salesmanago_async.exports.sinks import saving
from tests.conftest import examples

pytestmark = pytest.mark.anyio

MS = 1489493057123
AT = datetime(2017, 3, 14, 12, 4, 17, 123000, tzinfo=UTC)


def written(*batches: list[Any]) -> Any:
    file = io.BytesIO()
    sink = ParquetTable(file, None)
    try:
        for batch in batches:
            sink.write(batch)
        for _ in sink.finish():
            pass
    finally:
        sink.close()
    return pq.ParquetFile(io.BytesIO(file.getvalue()))


def column(*cells: Any, name: str = "x") -> tuple[Any, list[Any]]:
    """Return the type of a column with these cells, and the cells that are read back."""
    table = written([{name: cell} for cell in cells]).read()
    return table.schema.field(name).type, table[name].to_pylist()


TIME = pa.timestamp("ms", tz="UTC")


@pytest.mark.parametrize(
    ("name", "cells", "kind", "read"),
    [
        ("x", [True, None, False], pa.bool_(), [True, None, False]),
        ("x", [1, None, -(2**63) + 1], pa.int64(), [1, None, -(2**63) + 1]),
        ("x", [1, 2.5, None], pa.float64(), [1.0, 2.5, None]),
        ("x", ["a", "", None, "=1"], pa.string(), ["a", "", None, "=1"]),
        ("x", [["a", "b"], [], None, [1]], pa.list_(pa.string()), [["a", "b"], [], None, ["1"]]),
        ("x", [{"y": 1}, None], None, None),
        ("x", [[{"y": 1}], None], pa.string(), ['[{"y":1}]', None]),
        ("createdOn", [MS, None], TIME, [AT, None]),
        ("createdOn", ["2017-03-14", MS], TIME, [datetime(2017, 3, 14, tzinfo=UTC), AT]),
        # cells of several types become text
        ("x", [1, "a", True, 2.5, ["b", "c"]], pa.string(), ["1", "a", "true", "2.5", "b,c"]),
        ("x", [2**53 + 1, 0.5], pa.string(), [str(2**53 + 1), "0.5"]),
        ("x", [2**63, 1], pa.string(), [str(2**63), "1"]),
        ("createdOn", [MS, "never"], pa.string(), ["2017-03-14T12:04:17.123000Z", "never"]),
        # if the cells do not show a type, the documented one counts
        ("x", [None], pa.string(), [None]),
        ("createdOn", [None], TIME, [None]),
        ("score", [None], pa.int64(), [None]),
        ("optedOut", [None], pa.bool_(), [None]),
        ("purchaseProbability", [1, None], pa.float64(), [1.0, None]),
        ("email", [None], pa.string(), [None]),
        # half a surrogate pair is not text
        ("x", ["\ud83d", ["\ud83d"]], pa.string(), ["\\ud83d", "\\ud83d"]),
    ],
)
def test_a_column_is_of_the_type_of_its_cells(name: str, cells: list[Any], kind: Any, read: list[Any] | None) -> None:
    if read is None:
        table = written([{name: cell} for cell in cells]).read()
        assert table.to_pylist() == [{"x.y": 1, "x": None}, {"x.y": None, "x": None}]
        return
    assert column(*cells, name=name) == (kind, read)


def test_a_column_that_appears_late_is_there_from_the_first_row() -> None:
    table = written([{"a": 1}] * 3000, [{"b": "x"}]).read()
    assert table.column_names == ["a", "b"]
    assert table["b"].to_pylist() == [None] * 3000 + ["x"]


def test_row_groups_are_bounded_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 1000)
    file = written(*([{"n": number, "pad": "p" * 300}] for number in range(5500)))
    groups = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
    assert max(groups) <= 1000
    assert file.read()["n"].to_pylist() == list(range(5500))


def test_row_groups_are_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_BYTES", 1_000_000)
    file = written([{"n": number, "pad": "p" * 1000} for number in range(5000)])
    sizes = [file.metadata.row_group(index).num_rows * 1000 for index in range(file.num_row_groups)]
    assert len(sizes) >= 4
    assert max(sizes) < 1_500_000


def test_a_file_of_nothing_is_a_file() -> None:
    assert written().read().num_rows == 0


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["a", "b", "createdOn", "score"]),
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
            | st.lists(st.text(), max_size=2),
            max_size=3,
        ),
        max_size=6,
    )
)  # fmt: skip
def test_each_record_becomes_a_row_for_any_cells(records: list[dict[str, Any]]) -> None:
    table = written(records).read()
    if table.num_columns:
        assert table.num_rows == len(records)
    for name in ("a", "b"):
        if name in table.column_names:
            given_cells = [record.get(name) is None for record in records]
            assert [cell is None for cell in table[name].to_pylist()] == given_cells


async def test_it_can_be_written_to_a_pipe(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    async with saving("-", format="parquet") as sink:
        await sink.write([{"a": 1}])
    assert pq.read_table(io.BytesIO(capfdbinary.readouterr().out)).to_pylist() == [{"a": 1}]


def test_an_abandoned_file_has_no_ending() -> None:
    """A cut file must not look like a whole one."""
    file = io.BytesIO()
    sink = ParquetTable(file, None)
    sink.write([{"a": "x" * 1000}] * 1000)
    steps = sink.finish()
    next(steps)
    sink.close()
    del steps
    assert not file.getvalue().endswith(b"PAR1") or file.getvalue() == b"PAR1"


async def test_without_pyarrow_the_error_names_the_extra_before_any_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(Invalid, match=r"salesmanago-async\[parquet\]"):
        async with saving(tmp_path / "a.parquet"):
            pass
    assert list(tmp_path.iterdir()) == []
