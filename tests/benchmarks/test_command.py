"""The command prints the table, writes it down, and its exit code says whether something is too slow."""

import sys
from pathlib import Path

import orjson
import pytest
from attrs import evolve

import benchmarks.__main__ as command
from benchmarks.row import FLOOR, OURS, times
from tests.benchmarks.rows import row_of


@pytest.mark.parametrize(
    ("bound", "verdict", "exit_code"), [(2.0, "pass", 0), (1.4, "at the edge", 0), (1.3, "FALLS SHORT", 1)]
)
def test_the_exit_code_tells_what_falls_short(
    bound: float,
    verdict: str,
    exit_code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = row_of(times(bound), ways={OURS: lambda: 1.5, FLOOR: lambda: 1.0})
    monkeypatch.setattr(command, "ROWS", {row.name: row})
    monkeypatch.setattr(command, "rounds_alone", lambda *_: ([{OURS: 1.5, FLOOR: 1.0}] * 3, ()))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--rows", row.name, "--json", str(tmp_path / "found.json")])
    assert command.main() == exit_code
    assert f"| {verdict} " in capsys.readouterr().out
    written = orjson.loads((tmp_path / "found.json").read_bytes())
    assert set(written) == {"cores", "python", "quick", "rows"}
    assert written["rows"][0]["targets"][0]["verdict"] == verdict


def test_the_quick_variant_leaves_out_what_others_show(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = row_of(times(2.0))
    monkeypatch.setattr(command, "ROWS", {"kept": row, "left-out": evolve(row, what="left out", quick_size=None)})
    monkeypatch.setattr(command, "rounds_alone", lambda *_: ([{OURS: 1.5, FLOOR: 1.0}], ()))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick"])
    assert command.main() == 0
    assert "left out" not in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["benchmarks"])
    assert command.main() == 0
    assert "left out" in capsys.readouterr().out


def test_rows_that_are_not_there_are_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--rows", "nonsense"])
    with pytest.raises(SystemExit) as raised:
        command.main()
    assert raised.value.code == 2
    assert "'mapping'" in capsys.readouterr().err
