"""Files of rejected rows: of every format and of several files, of files that are gone, and of damaged rows alone."""

import csv
import gzip
import json
import math
import os
import random
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from salesmanago_async.file_imports import kept_rows
from salesmanago_async.file_imports.annotations import AnnotatedCsv
from salesmanago_async.file_imports.kept_rows import KeptRows
from salesmanago_async.records.shapes import contact_shape
from salesmanago_async.sources.csv_files import CsvFile
from salesmanago_async.sources.options import ReadOptions
from salesmanago_async.sources.sources import open_file
from tests.file_imports.rejecting import in_substance, rejected
from tests.peak_memory import run_and_measure
from tests.sources.test_file_formats import workbook

TABLE = b'email,name,phone\n"nobody", "A, n",1\nann@example.com,Ann\nx y\nnobody,B,2,3\nnobody,C,3,,\n"open,D,4\n'
LINES = b'{ "email": "nobody", "externalId": 1.50 }\r\n{"email":"ann@example.com"}\n[1]\n"a"\n{broken\n{"x":1}'
ELEMENTS = b'[{"email": "nobody"}, {"email": "ann@example.com"}, [1], 5, {broken},  {"x": 5}]'


def parquet(path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"email": ["nobody", "ann@example.com", None], "name": ["Ż", "A", "B"], "phone": [1, 2, 3]})
    parquet.write_table(table, path)


def excel(path: Path) -> None:
    pytest.importorskip("python_calamine")
    workbook(path, [["email", "name"], ["nobody", "two\nlines"], ["ann@example.com", "A"], ["x y", 1.5]])


FORMATS: dict[str, tuple[Callable[[Path], object], str, list[int]]] = {
    "a.csv": (lambda path: path.write_bytes(TABLE), "csv", [2, 4, 5, 6, 7]),
    "a.csv.gz": (lambda path: path.write_bytes(gzip.compress(TABLE)), "csv", [2, 4, 5, 6, 7]),
    "a.tsv": (lambda path: path.write_bytes(TABLE.replace(b",", b"\t")), "tsv", [2, 4, 5, 6, 7]),
    "a.jsonl": (lambda path: path.write_bytes(LINES), "jsonl", [1, 3, 4, 5, 6]),
    "a.ndjson.gz": (lambda path: path.write_bytes(gzip.compress(LINES)), "ndjson", [1, 3, 4, 5, 6]),
    "a.json": (lambda path: path.write_bytes(ELEMENTS), "jsonl", [1, 3, 4, 5, 6]),
    "a.parquet": (parquet, "jsonl", [1, 3]),
    "a.xlsx": (excel, "csv", [2, 4]),
}


@pytest.mark.parametrize("name", FORMATS)
def test_rows_of_every_format_are_rejected_again_for_the_same_reasons(tmp_path: Path, name: str) -> None:
    write, suffix, lines = FORMATS[name]
    write(tmp_path / name)
    rejects, again = tmp_path / f"r.{suffix}", tmp_path / f"s.{suffix}"
    found = rejected(tmp_path / name, rejects)
    assert [each.line for each in found] == lines
    found_again = rejected(rejects, again)
    assert [in_substance(each.reason) for each in found_again] == [in_substance(each.reason) for each in found]


def unreadable_cells() -> Iterator[Any]:
    """Yield columns of one cell, each of which no field takes and JSON cannot express, with the names of fields."""
    import pyarrow

    lost = pyarrow.array([10**15], pyarrow.timestamp("ms"))
    for array in (
        pyarrow.array([math.inf]),
        pyarrow.array([-math.inf], pyarrow.float32()),
        pyarrow.array([b"\xff"]),
        pyarrow.array([b"caf\xe9"]).view(pyarrow.string()),
        pyarrow.array([timedelta(1)]),
        pyarrow.array([2**31 - 1], pyarrow.int32()).cast(pyarrow.date32()),
        pyarrow.array([1e300]),
        lost,
    ):
        name = str(array.type)
        for field in ("name", "properties.x", "dictionary.visits", "birthday"):
            yield pytest.param({}, field, array, id=f"{name} as {field}")
        for field in ("tags", "properties", "consentDetails"):
            yield pytest.param({}, field, pyarrow.ListArray.from_arrays([0, 1], array), id=f"list of {name} as {field}")
        yield pytest.param({}, "properties", array, id=f"{name} as properties")
        named = pyarrow.StructArray.from_arrays([array], ["x"])
        for field in ("properties", "contact", "consentDetails"):
            yield pytest.param({}, field, named, id=f"struct of {name} as {field}")
        if not pyarrow.types.is_floating(array.type):
            yield pytest.param({"a": "name", "b": "name"}, "a", array, id=f"{name} joined")
    for keys in (lost, pyarrow.array([math.inf]), pyarrow.array([b"\xff"]), pyarrow.array([1e300])):
        named = pyarrow.MapArray.from_arrays([0, 1], keys, pyarrow.array(["x"]))
        yield pytest.param({}, "properties", named, id=f"map of {keys.type}")


@pytest.mark.parametrize(("columns", "field", "array"), list(unreadable_cells()))
def test_a_cell_that_json_cannot_express_is_rejected_again(
    tmp_path: Path, columns: dict[str, str], field: str, array: Any
) -> None:
    import pyarrow
    from pyarrow import parquet

    others = {"b": ["Lee"]} if columns else {}
    address = {} if field == "contact" else {"email": ["ann@example.com"]}
    parquet.write_table(pyarrow.table({**address, **others, field: array}), tmp_path / "a.parquet")
    assert rejected(tmp_path / "a.parquet", tmp_path / "r.jsonl", columns=columns)
    [again] = rejected(tmp_path / "r.jsonl", tmp_path / "s.jsonl", columns=columns)
    assert again.line == 1
    assert again.reason.startswith(columns.get(field, field)) or field == "contact"


def test_the_header_and_the_rows_stand_as_they_came_and_the_notes_are_behind_them(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbfsep=;\r\n\r\n"email"; name\r\nnobody;"x; ""y"""\r\nann@example.com;A\r\n"x y" ;\r\nx y'
    (tmp_path / "a.csv").write_bytes(content)
    rejected(tmp_path / "a.csv", tmp_path / "r.csv")
    rule = "email: is not an e-mail address (up to 64 characters, @, a domain; 254 in all)"
    assert (tmp_path / "r.csv").read_bytes().decode().split("\r\n") == [
        "\ufeffsep=;",
        "",
        '"email"; name;_line;_reason',
        f'nobody;"x; ""y""";4;"{rule}"',
        '"x y" ;;6;"is not a valid CSV row: \';\' expected after \'""\'"',
        f'x y;;7;"{rule}"',
        "",
    ]


def test_an_open_quote_is_rejected_alone_whatever_row_comes_after_it(tmp_path: Path) -> None:
    """In the file of rejects, a row may follow that would make a whole row of both."""
    rows = ['nobody,"x', "ann@example.com,A", 'x y",B', 'ann@example.com,C"', "ann@example.com,D"]
    (tmp_path / "a.csv").write_text("\n".join(["email,name", *rows, ""]))
    found = rejected(tmp_path / "a.csv", tmp_path / "r.csv")
    assert [(each.line, each.record) for each in found] == [(2, rows[0]), (4, {"email": 'x y"', "name": "B"})]
    again = rejected(tmp_path / "r.csv", tmp_path / "s.csv")
    assert [each.line for each in again] == [2, 3]
    assert again[0].record.startswith(rows[0])


def test_damaged_rows_alone_are_no_other_encoding_and_no_binary_file(tmp_path: Path) -> None:
    good = b"ann@example.com,\xc5\xbb\n" * 2000
    damaged = [b"ann@example.com,A\xf3n", b"\0" * 2000, b"a\0b\0" * 500, b"ann@example.com,\xff\xfe"]
    (tmp_path / "a.csv").write_bytes(b"email,name\n" + good + b"\n".join(damaged) + b"\n")
    found = rejected(tmp_path / "a.csv", tmp_path / "r.csv")
    assert [each.line for each in found] == [2002, 2003, 2004, 2005]
    assert all(row + b"," in (tmp_path / "r.csv").read_bytes() for row in damaged)
    again = rejected(tmp_path / "r.csv", tmp_path / "s.csv")
    assert [each.reason for each in again] == [each.reason for each in found]


def test_a_line_that_is_no_object_is_taken_once_its_text_is_corrected(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"email":"ann@example.com"\n{"email":"bob@example.com","name":"\xff"}\n')
    assert len(rejected(tmp_path / "a.jsonl", tmp_path / "r.jsonl")) == 2
    rows: list[dict[str, Any]] = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    rows[0]["_text"] += "}"
    rows[1]["_text"] = rows[1]["_text"].replace("\udcff", "B")
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert rejected(tmp_path / "c.jsonl", tmp_path / "s.jsonl") == []


# Several files


def test_rows_of_several_files_stand_as_they_came_if_their_delimiter_is_that_of_the_first(tmp_path: Path) -> None:
    contents = {
        "a.csv": b'email;name\r\n"nobody";A\r\n',
        "b.csv": b'"email";"name"\n nobody;"B"\n',
        "c.csv": b'email,name\n"nobody","x;y"\n',
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    names = ["a.csv", "b.csv", "c.csv", "a.csv"]
    found = rejected([tmp_path / name for name in names], tmp_path / "r.csv")
    written = (tmp_path / "r.csv").read_bytes().decode().splitlines(keepends=True)
    rows = ['"nobody";A', ' nobody;"B"', 'nobody;"x;y"', '"nobody";A']
    ends = ["\r\n", "\n", "\r\n", "\r\n"]
    assert written == [
        "email;name;_file;_line;_reason\r\n",
        *(
            f'{row};"{tmp_path / name}";2;"{each.reason}"{end}'
            for row, name, each, end in zip(rows, names, found, ends, strict=True)
        ),
    ]
    again = rejected(tmp_path / "r.csv", tmp_path / "s.csv")
    assert [each.reason for each in again] == [each.reason for each in found]
    once_more = (tmp_path / "s.csv").read_bytes().decode().splitlines(keepends=True)
    assert once_more[0] == "email;name;_line;_reason\r\n"
    assert [line.startswith(row) for line, row in zip(once_more[1:], rows, strict=True)] == [True] * 4


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_files_of_several_encodings_have_rejects_in_utf_8(tmp_path: Path, suffix: str) -> None:
    texts = {"csv": "email,name\nnobody,Żółć{}\n", "jsonl": '{{"email":"nobody","name":"Żółć{}"}}\n'}
    text = texts[suffix].format
    (tmp_path / f"a.{suffix}").write_bytes(text("").encode("utf-16"))
    (tmp_path / f"b.{suffix}").write_bytes(text("\udcff").encode("utf-8", "surrogateescape"))
    found = rejected([tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"], tmp_path / f"r.{suffix}")
    assert "Żółć" in (tmp_path / f"r.{suffix}").read_bytes().decode("utf-8", "surrogateescape")
    again = rejected(tmp_path / f"r.{suffix}", tmp_path / f"s.{suffix}")
    assert [each.reason for each in again] == [each.reason for each in found]


def test_what_the_encoding_of_json_lines_lacks_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"email":"nobody","name":"Ż \\u4e2d"}]', encoding="cp1250")
    rejected(tmp_path / "a.json", tmp_path / "r.jsonl", encoding="cp1250")
    (row,) = map(json.loads, (tmp_path / "r.jsonl").read_text(encoding="cp1250").splitlines())
    assert row["name"] == "Ż \u4e2d"


# What is written anew


def changed(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"nobody"', b'"no,body"').replace(b'"nobody" }', b'"nix" }'))


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:12])


@pytest.mark.parametrize("happens", [changed, shortened, os.unlink])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl"])
def test_rows_whose_file_has_changed_are_written_from_their_values(
    tmp_path: Path, name: str, happens: Callable[[Path], None]
) -> None:
    path, suffix = tmp_path / name, "jsonl" if "jsonl" in name else "csv"
    content = b'email,name\n"nobody",A\nnobody,"B"\n' if suffix == "csv" else b'{"email": "nobody" }\n{"email": "x" }\n'
    path.write_bytes(gzip.compress(content) if "gz" in name else content)
    found = rejected(path, tmp_path / f"r.{suffix}", before_saving=lambda: happens(path))
    again = rejected(tmp_path / f"r.{suffix}", tmp_path / f"s.{suffix}")
    assert [each.reason for each in again] == [each.reason for each in found]
    own = [{**each.record, "_line": None, "_reason": None} for each in found]
    assert [{**each.record, "_line": None, "_reason": None} for each in again] == own


def test_notes_that_somebody_has_moved_are_replaced(tmp_path: Path) -> None:
    table = 'sep=^\n_reason^email^_line^name\n"said, ""x"""^nobody^7^A\nsaid^x y^8^"B^"\nsaid^open^"8^B\n'
    (tmp_path / "a.csv").write_text(table)
    found = rejected(tmp_path / "a.csv", tmp_path / "r.csv")
    written = (tmp_path / "r.csv").read_text().splitlines()
    assert written == [
        "sep=^",
        "email^name^_line^_reason",
        f'nobody^A^3^"{found[0].reason}"',
        f'x y^"B^"^4^"{found[1].reason}"',
        f'said^open^"8^B^5^"{found[2].reason}"',
    ]


def test_notes_in_the_quotes_of_a_spreadsheet_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("email,name\nnobody,A\nx y\n{},C,3\n")
    rejected(tmp_path / "a.csv", tmp_path / "r.csv")
    with (tmp_path / "b.csv").open("w") as saved:
        rows = csv.reader((tmp_path / "r.csv").read_text().splitlines())
        csv.writer(saved, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    first, second, third = rejected(tmp_path / "b.csv", tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_text().splitlines() == [
        '"email","name",_line,_reason',
        f'"nobody","A",2,"{first.reason}"',
        f'"x y","",3,"{second.reason}"',
        f'"{{}}","C","3",4,"{third.reason}"',
    ]


def test_notes_among_the_fields_of_an_object_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"_line":7,"email":"nobody","_reason":"said \\"x\\""}\n')
    (found,) = rejected(tmp_path / "a.jsonl", tmp_path / "r.jsonl")
    assert orjson.loads((tmp_path / "r.jsonl").read_text()) == {
        "email": "nobody",
        "_line": 1,
        "_reason": found.reason,
    }


# The file


def test_rows_are_in_the_order_of_the_input_however_late_they_are_rejected(tmp_path: Path) -> None:
    emails = [f"c{number}@example.com" for number in range(200)]
    (tmp_path / "a.csv").write_text("\n".join(["email", *emails, ""]))
    rejected(tmp_path / "a.csv", tmp_path / "r.csv", reasons=lambda position: "said" if position % 3 else None)
    rows = (tmp_path / "r.csv").read_text().splitlines()[1:]
    expected = [f'{email},{line},"said"' for line, email in enumerate(emails, 2) if (line - 2) % 3]
    assert rows == expected


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("email\nnobody\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "r.csv").symlink_to(tmp_path / "folder" / "real.csv")
    rejected(tmp_path / "a.csv", tmp_path / "r.csv")
    assert (tmp_path / "r.csv").is_symlink()
    assert (tmp_path / "folder" / "real.csv").read_text().startswith("email,_line,_reason\nnobody,2,")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["real.csv"]


def test_kept_rows_come_in_order_from_many_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_rows, "RUN_BYTES", 300)
    rows, numbers = KeptRows(), list(range(500))
    random.Random(7).shuffle(numbers)
    for number in numbers:
        rows.add(number, {"row": "x" * (number % 50), "number": number})
    assert [row["number"] for row in rows.in_order()] == list(range(500))
    rows.add(-1, {"number": -1})
    assert [row["number"] for row in rows.in_order()] == list(range(-1, 500))
    rows.close()


ALL_REJECTED = """
import sys
from pathlib import Path
from tests.file_imports.rejecting import save_all

save_all(*map(Path, sys.argv[1:]))
"""


@pytest.mark.ci
@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak of a process in /proc")
def test_ten_times_the_rejected_rows_take_no_more_memory(tmp_path: Path) -> None:
    peaks: list[float] = []
    for rows in (10_000, 100_000):
        (tmp_path / "a.csv").write_text("email,name\n" + "nobody,Somebody\n" * rows)
        _, peak = run_and_measure(ALL_REJECTED, tmp_path / "a.csv", tmp_path / "r.csv")
        assert (tmp_path / "r.csv").read_bytes().count(b"\nnobody,Somebody,") == rows
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 5


@pytest.mark.parametrize("cells", [["bad", "1", "2"], ["bad", "1"]])
def test_columns_of_one_name_keep_their_cells(cells: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"email,x,x\n{','.join(cells)}\n")
    file = open_file(path, contact_shape("ignore"), ReadOptions())
    assert isinstance(file, CsvFile)
    [(row, _)] = file.rows()
    written = AnnotatedCsv(file, ["_line"])
    assert written.row(file.record(row), None, {"_line": 2}) == f"{','.join([*cells, ''][:3])},2\n"
