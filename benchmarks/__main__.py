"""How fast it is, beside the floor and beside what people write: `python -m benchmarks --help`.

Exits with 1 where a target is missed by more than the noise (see verdicts.py), with 2 for unusable arguments.
"""

import os
import platform
import sys
from argparse import ArgumentParser, Namespace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import orjson

from benchmarks import curves, growth
from benchmarks.row import Round, Row
from benchmarks.table import as_json, target_table
from benchmarks.targets import ROWS, rounds_of
from benchmarks.verdicts import Result, judge

QUICK_ROUNDS = 3
MACHINE_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that few machines have: where one is set, each client of ours reads and checks what it names."""


def main() -> int:
    """Measure what is asked for, print it, write it down."""
    given = _given()
    for name in MACHINE_CERTIFICATES:
        os.environ.pop(name, None)
    written: dict[str, Any] = {"cores": os.cpu_count(), "python": platform.python_version(), "quick": given.quick}
    print(f"{written['cores']} cores, Python {written['python']}", flush=True)
    results: list[Result] = []
    if given.what == "grow":
        lines = growth.measure_all(given.size or growth.LARGEST, tell=_tell)
        print(growth.growth_table(lines))
        written["growth"] = growth.as_json(lines)
    else:
        results = [_measure(ROWS[name], given) for name in given.rows or _all_rows(given.quick)]
        print(target_table(results))
        written["rows"] = as_json(results)
    if given.pictures:
        largest, rounds = given.size or curves.LARGEST, given.rounds or 3
        written["curves"] = curves.measure_all(largest, rounds=rounds, known=results, tell=_tell)
        curves.draw_all(written["curves"], given.pictures)
    if given.json:
        given.json.write_bytes(orjson.dumps(written, option=orjson.OPT_INDENT_2))
    return int(any(result.falls_short for result in results))


def _all_rows(quick: bool) -> list[str]:
    return [name for name, row in ROWS.items() if row.quick_size is not None or not quick]


def _measure(row: Row, given: Namespace) -> Result:
    _tell(row.what)
    size = given.size or (row.quick_size if given.quick else None) or row.size
    rounds = given.rounds or (QUICK_ROUNDS if given.quick else 5)
    taken, missing = rounds_alone(row.name, size, rounds, given.quick)
    return judge(row.quick() if given.quick else row, size, taken, missing)


def rounds_alone(name: str, size: int, rounds: int, quick: bool) -> tuple[list[Round], tuple[str, ...]]:
    """Measure in a process of its own: gigabytes that one row has taken would slow the next."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(rounds_of, (name, size, rounds, quick))


def _tell(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


def _given() -> Namespace:
    parser = ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument(
        "what", nargs="?", choices=("targets", "grow"), default="targets", help="which table to make (targets)"
    )
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), metavar="NAME", help=f"some of {', '.join(ROWS)}")
    parser.add_argument("--size", type=int, help="how many records; each row has its own number")
    parser.add_argument("--rounds", type=int, help=f"interleaved rounds of every row: 5, quick {QUICK_ROUNDS}")
    parser.add_argument("--quick", action="store_true", help="small sizes, and only the ways that targets name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="measure the curves, too, and draw them there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
