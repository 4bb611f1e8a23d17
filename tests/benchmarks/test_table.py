"""What is printed and written down: ratios, never times."""

from benchmarks.growth import Line, growth_table, relative
from benchmarks.growth import as_json as growth_as_json
from benchmarks.row import FLOOR, OURS, Round, at_most, faster, times
from benchmarks.table import as_json, table, target_table
from benchmarks.table import relative as relative_of
from benchmarks.verdicts import judge
from tests.benchmarks.rows import row_of

ROUNDS: list[Round] = [{OURS: 3.0, FLOOR: 1.5, "a peer": 12.0, "another": 6.0}] * 3


def test_a_table_is_markdown_with_aligned_columns() -> None:
    assert table(("a", "what"), [("1", "x"), ("234", "yz")]).splitlines() == [
        "| a   | what |",
        "|-----|------|",
        "| 1   | x    |",
        "| 234 | yz   |",
    ]


def test_each_target_has_a_line_and_the_other_ways_stand_beside_the_first() -> None:
    result = judge(row_of(times(2.0), faster(5.0, "a peer"), faster(1.0, "missing")), 9, ROUNDS)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in target_table([result]).splitlines()[2:]]
    assert lines == [
        ["what it is", "2.00 × floor", "≤ 2 ×", "pass", "another 4 × floor"],
        ["", "4.00 × as fast as a peer", "≥ 5 ×", "FALLS SHORT", ""],
        ["", "times as fast as missing", "≥ 1 ×", "not installed", ""],
    ]


def test_whose_figure_it_is_and_what_is_missing_is_told() -> None:
    targets = times(2.0), times(2.0, way="ours, otherwise"), times(2.0, way="not there")
    rounds: list[Round] = [{OURS: 3.0, FLOOR: 1.5, "ours, otherwise": 1.5}]
    result = judge(row_of(*targets), 9, rounds, ("not there", "a peer"))
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in target_table([result]).splitlines()[2:]]
    assert lines == [
        ["what it is", "2.00 × floor", "≤ 2 ×", "pass", "not there: not installed, a peer: not installed"],
        ["", "ours, otherwise: 1.00 × floor", "≤ 2 ×", "pass", ""],
        ["", "not there: time / floor", "≤ 2 ×", "not installed", ""],
    ]


def test_a_row_of_which_nothing_is_installed_is_told_too() -> None:
    result = judge(row_of(times(2.0)), 9, [{}], (OURS,))
    assert "| time / floor | ≤ 2 ×  | not installed | ours: not installed |" in target_table([result])


def test_what_has_a_unit_is_told_as_it_is() -> None:
    result = judge(row_of(at_most(80.0, "peak", "MB"), unit="MB"), 9, [{OURS: 46.25, "another": 60.0}])
    assert "| peak 46.2 MB | ≤ 80 MB | pass | another 60 MB |" in target_table([result])


def test_other_rows_are_told_as_multiples_of_the_floor() -> None:
    result = judge(row_of(times(2.0)), 9, ROUNDS)
    assert relative_of(result) == {OURS: 2.0, FLOOR: 1.0, "a peer": 8.0, "another": 4.0}


def test_the_json_has_ratios_bounds_and_verdicts() -> None:
    (written,) = as_json([judge(row_of(times(2.0), faster(1.0, "missing")), 9, ROUNDS)])
    assert written == {
        "name": "a-row",
        "what": "what it is",
        "size": 9,
        "rounds": 3,
        "targets": [
            {"figure": "time / floor", "unit": "×", "at most": 2.0, "found": 2.0, "noise": 0.12, "verdict": "pass"},
            {
                "figure": "times as fast as missing",
                "unit": "×",
                "at least": 1.0,
                "found": None,
                "noise": 0.12,
                "verdict": "not installed",
            },
        ],
        "ways": {"unit": "× floor", OURS: 2.0, FLOOR: 1.0, "a peer": 8.0, "another": 4.0},
        "not installed": [],
    }


def test_the_speeds_of_growth_are_relative_to_one_line() -> None:
    lines = [
        Line(records=10_000, in_flight=16, latency=0.0, speed=40.0, journal_bytes=4200.0),
        Line(records=100_000, in_flight=16, latency=0.0, speed=50.0),
        Line(records=16_000, in_flight=1, latency=0.2, speed=5.0),
    ]
    assert [line.speed for line in relative(lines)] == [0.8, 1.0, 0.1]


def test_growth_shows_only_what_a_line_has_to_say() -> None:
    lines = [
        Line(records=10_000, in_flight=16, latency=0.0, speed=0.8, megabytes=57.6, journal_bytes=4200.0),
        Line(in_flight=64, jobs=10_000, megabytes=49.0, core_share=0.0123, worst_look=0.05),
    ]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in growth_table(lines).splitlines()[2:]]
    assert rows == [
        ["10,000", "16", "0 ms", "", "0.80", "58 MB", "4200 bytes", "", ""],
        ["", "64", "", "10,000", "", "49 MB", "", "1.2% of a core", "5.0% off"],
    ]
    assert set(growth_as_json(lines)[1]) == {"in_flight", "jobs", "megabytes", "core_share", "worst_look"}
