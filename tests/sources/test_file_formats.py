"""Formats, packed files, pipes and encodings: the same rows however a file comes, and one clear error otherwise."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async import SalesManago
from salesmanago_async.api.codec import dumps
from salesmanago_async.errors import Invalid
from salesmanago_async.exports.records import ArrayReader
from salesmanago_async.records.findings import LOST_DIGITS
from salesmanago_async.records.shapes import contact_shape
from salesmanago_async.sources.options import ReadOptions
from salesmanago_async.sources.sources import InputFile, open_file
from tests.peak_memory import run_and_measure

PEOPLE = [{"email": f"c{number}@example.com", "name": f"Zofia Żółć {number}"} for number in range(300)]
BODIES = [{"contact": person} for person in PEOPLE]


def opened(path: Path, **options: Any) -> InputFile:
    reading = ReadOptions(**options)
    return open_file(path, contact_shape(reading.extra_columns), reading)


def bodies(path: Path, **options: Any) -> list[Any]:
    """The bodies of the rows of a file; in place of a rejected row, its line and reason."""
    return list(bodies_of(opened(path, **options)))


def bodies_of(source: InputFile) -> Iterator[Any]:
    for row, line in source.rows():
        try:
            body = source.body(row)
            dumps(body)  # raises Invalid for text that is not Unicode
            yield body
        except Invalid as error:
            yield line, str(error)


def written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def packed_by_gzip(path: Path) -> Path:
    subprocess.run(["gzip", "-k", path], check=True)
    return path.with_name(f"{path.name}.gz")


def csv_of(people: list[dict[str, str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["email", "name"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(people)
    return text.getvalue()


def lines_of(people: list[Any]) -> bytes:
    return b"".join(orjson.dumps(person) + b"\n" for person in people)


def workbook(path: Path, rows: list[list[Any]], *more: list[list[Any]], hidden: Collection[int] = ()) -> Path:
    """Write a workbook as Excel does, with one sheet for each list of rows: S1, S2, …; `hidden` are their numbers."""
    import zipfile

    def sheet(rows: list[list[Any]]) -> str:
        def cell(value: Any) -> str:
            if value is None:
                return "<c/>"
            if isinstance(value, bool):
                return f'<c t="b"><v>{value:d}</v></c>'
            if isinstance(value, tuple):  # a number with the format of a date
                return f'<c s="1"><v>{value[0]}</v></c>'
            if isinstance(value, int | float):
                return f"<c><v>{value!r}</v></c>"
            escaped = value.replace("&", "&amp;").replace("<", "&lt;")
            return f'<c t="inlineStr"><is><t xml:space="preserve">{escaped}</t></is></c>'

        made = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
        return f'<worksheet xmlns="{MAIN}"><sheetData>{made}</sheetData></worksheet>'

    sheets = [rows, *more]
    states = ("visible", "hidden")
    numbers = range(1, len(sheets) + 1)
    names = "".join(
        f'<sheet name="S{number}" sheetId="{number}" state="{states[number in hidden]}" r:id="rId{number}"/>'
        for number in numbers
    )
    links = "".join(
        f'<Relationship Id="rId{number}" Type="{RELATED}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in numbers
    )
    styles = f'<Relationship Id="rId99" Type="{RELATED}/styles" Target="styles.xml"/>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(
            "[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
        )
        file.writestr("_rels/.rels", f'<Relationships xmlns="{LINKS}"><Relationship Id="rId1" Type="{RELATED}/officeDocument" Target="xl/workbook.xml"/></Relationships>')  # fmt: skip  # noqa: E501
        file.writestr("xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{RELATED}"><sheets>{names}</sheets></workbook>')  # fmt: skip  # noqa: E501
        file.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{LINKS}">{links}{styles}</Relationships>')
        file.writestr("xl/styles.xml", f'<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>')  # fmt: skip  # noqa: E501
        for number, rows_of_sheet in zip(numbers, sheets, strict=True):
            file.writestr(f"xl/worksheets/sheet{number}.xml", sheet(rows_of_sheet))
    return path


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"


def people_file(path: Path) -> Path:
    """Write the people in the format that the suffix says."""
    if path.suffix == ".xlsx":
        pytest.importorskip("python_calamine")
        return workbook(path, [["email", "name"], *([person["email"], person["name"]] for person in PEOPLE)])
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(PEOPLE), path)
        return path
    contents = {".csv": csv_of(PEOPLE).encode(), ".jsonl": lines_of(PEOPLE), ".json": orjson.dumps(PEOPLE)}
    return written(path, contents[path.suffix])


FORMATS = ["csv", "jsonl", "json", "parquet", "xlsx"]


# Formats, packed or not


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_is_read_packed_or_not(tmp_path: Path, kind: str, *, packed: bool) -> None:
    path = people_file(tmp_path / f"people.{kind}")
    path = packed_by_gzip(path) if packed else path
    source = opened(path)
    assert source.bytes_read == 0
    assert list(bodies_of(source)) == BODIES
    assert list(bodies_of(source)) == BODIES, "it can be read again"
    assert source.bytes_read == source.total_bytes
    assert source.file_of(None) == str(path)
    if kind != "xlsx":  # whose copy is read
        assert source.total_bytes == path.stat().st_size


@pytest.mark.parametrize("kind", FORMATS)
def test_the_option_says_the_format_whatever_the_suffix(tmp_path: Path, kind: str) -> None:
    path = people_file(tmp_path / f"people.{kind}").rename(tmp_path / "people.dat")
    assert bodies(path, format=kind) == BODIES
    with pytest.raises(Invalid, match=r'unknown suffix; supported are \.csv, .*; or give its format, .*format="csv"'):
        opened(path)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(Invalid, match="format: is 'yaml', not one of csv, jsonl, json, parquet, xlsx, xml"):
        ReadOptions(format="yaml")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a", "a.csv", "a.parquet", "a.json.gz"])
@pytest.mark.parametrize("options", [{}, {"format": "csv"}])
def test_a_folder_is_named(tmp_path: Path, name: str, options: Any) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(Invalid, match="is a folder; give its files one by one"):
        opened(tmp_path / name, **options)


# gzip


def test_a_packed_file_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    packed = written(tmp_path / "a.csv", gzip.compress(csv_of(PEOPLE).encode()))
    plain = written(tmp_path / "b.csv.gz", csv_of(PEOPLE))
    assert bodies(packed) == bodies(plain) == BODIES


def test_concatenated_packed_files_are_one(tmp_path: Path) -> None:
    content = csv_of(PEOPLE).encode()
    parts = (content[:1000], content[1000:1003], b"", content[1003:])
    path = written(tmp_path / "a.csv.gz", b"".join(map(gzip.compress, parts)))
    assert bodies(path) == BODIES


@pytest.mark.sampled
@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_a_cut_packed_file_is_named_after_its_rows_were_read(tmp_path: Path, kind: str) -> None:
    people = [{"email": f"c{os.urandom(20).hex()}@example.com", "name": "Ann"} for _ in range(20_000)]
    content = {"csv": csv_of(people).encode(), "jsonl": lines_of(people), "json": orjson.dumps(people)}[kind]
    packed = gzip.compress(content)
    path = written(tmp_path / f"a.{kind}.gz", packed[: len(packed) // 2])
    source = opened(path)
    found: list[Any] = []
    with pytest.raises(Invalid, match="the gzip file is incomplete") as raised:
        found.extend(body["contact"] for body in bodies_of(source))
    assert raised.value.field == str(path)
    assert 5000 < len(found) < 15_000
    assert found == people[: len(found)]
    line = len(found) + (2 if kind == "csv" else 1)
    named = f"after element {len(found):,}" if kind == "json" else "near line "
    assert named in str(raised.value)
    if kind != "json":
        assert abs(int(raised.value.rule.split("near line ")[1].split(";")[0]) - line) <= 1


@pytest.mark.sampled
@pytest.mark.parametrize("at", [0, 0.3, 0.99])
def test_a_damaged_packed_file_is_named(tmp_path: Path, at: float) -> None:
    packed = bytearray(gzip.compress(csv_of(PEOPLE * 100).encode()))
    start = 10 + int(at * (len(packed) - 30))
    packed[start : start + 20] = b"\xff" * 20
    path = written(tmp_path / "a.csv.gz", bytes(packed))
    with pytest.raises(Invalid, match=r"a\.csv\.gz: .*gzip file is (damaged|incomplete).*near line"):
        bodies(path)


@pytest.mark.parametrize("kind", ["parquet", "xlsx"])
def test_a_cut_packed_file_of_columns_is_refused(tmp_path: Path, kind: str) -> None:
    path = packed_by_gzip(people_file(tmp_path / f"people.{kind}"))
    written(path, path.read_bytes()[:-200])
    with pytest.raises(Invalid, match=f"people.{kind}.gz: the gzip file is incomplete"):
        opened(path)


# Pipes and standard input


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("packed", [False, True])
def test_a_pipe_is_read_like_a_file(tmp_path: Path, kind: str, *, packed: bool) -> None:
    path = people_file(tmp_path / f"people.{kind}")
    content = (packed_by_gzip(path) if packed else path).read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    source = opened(pipe, format=kind)
    writer.join()
    assert list(bodies_of(source)) == list(bodies_of(source)) == BODIES
    assert source.bytes_read == source.total_bytes


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["-", "pipe"])
def test_a_pipe_without_a_format_is_refused_before_anything_is_taken_from_it(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Invalid, match='say what it contains, for example format="csv"'):
        opened(Path("-") if name == "-" else tmp_path / name)


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    path = packed_by_gzip(people_file(tmp_path / "people.parquet"))
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: open("/dev/full", "w+b", buffering=0))  # noqa: SIM115, PTH123
    with pytest.raises(Invalid, match="No space left on device, while the input was copied to a temporary file"):
        opened(path)


# JSON arrays


ELEMENTS = st.lists(
    st.fixed_dictionaries(
        {"email": st.just("ann@example.com")}, optional={"name": st.text(st.characters(codec="utf-8"), max_size=5)}
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=60)
@given(ELEMENTS, st.sampled_from([None, 0, 2]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]))
def test_any_array_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, elements: list[Any], indent: int | None, encoding: str
) -> None:
    text = json.dumps(elements, indent=indent, ensure_ascii=False)
    path = written(tmp_path_factory.getbasetemp() / "any.json", text.encode(encoding))
    assert [row for row, _ in opened(path).rows()] == elements


BROKEN = [
    "{'email': 'x'}",
    '{"email": "a@example.com",}',
    '{"name": NaN}',
    '{"name": "a\tb"}',
    "nothing",
    '{"n": "\\q"}',
]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.one_of(st.sampled_from(BROKEN), st.integers(0, 9).map(str)), max_size=12),
    st.sampled_from(["\n", " ", ""]),
    st.integers(1, 50),
)
def test_an_element_that_is_not_json_is_replaced_alone(elements: list[str], space: str, size: int) -> None:
    content = f"[{space}{f',{space}'.join(elements)}{space}]".encode()
    reader = ArrayReader(replace_invalid=lambda text, _: text, batch_bytes=size)
    found = [element for batch in reader.batches(content) for element in batch]
    found += reader.close()
    expected = [element.encode() if element in BROKEN else int(element) for element in elements]
    assert [element.strip() if isinstance(element, bytes) else element for element in found] == expected


@pytest.mark.ci
def test_a_broken_element_of_a_large_array_is_rejected_alone(tmp_path: Path) -> None:
    people = [{"email": f"c{number}@example.com", "name": "Ann " * 10} for number in range(30_000)]
    texts = [orjson.dumps(person) for person in people]
    for number in (0, 7, 15_000, 29_999):
        texts[number] = texts[number][:-1] + b",}"
    texts[20_000] = texts[20_000].replace(b"Ann", b"\xffnn")
    found = bodies(written(tmp_path / "a.json", b"[" + b",\n".join(texts) + b"]"))
    rejected: dict[int, str] = dict(body for body in found if isinstance(body, tuple))
    assert rejected.keys() == {1, 8, 15_001, 20_001, 30_000}
    assert all("is not valid JSON" in reason for reason in rejected.values())
    assert [body["contact"]["email"] for body in found if isinstance(body, dict)] == [
        person["email"] for number, person in enumerate(people, 1) if number not in rejected
    ]


@pytest.mark.ci
def test_an_array_of_broken_elements_is_read_in_constant_memory() -> None:
    reader = ArrayReader(replace_invalid=lambda text, _: text)
    element = b"{'email': 'ann@example.com', 'name': 'Ann'}"
    found: list[Any] = []
    for thousands in range(1, 101):
        piece = (b"[" if thousands == 1 else b"") + (element + b",") * 1000
        found += (element for batch in reader.batches(piece) for element in batch)
        assert thousands * 1000 - len(found) <= 26_000
    found += (element for batch in reader.batches(b"{}]") for element in batch)
    assert [*found, *reader.close()] == [element] * 100_000 + [{}]


def test_a_broken_element_is_returned_as_in_the_file(tmp_path: Path) -> None:
    source = opened(written(tmp_path / "a.json", b'[{"email": "ann@example.com"}, {"email": "\xff", 5}]'))
    assert [source.record(row) for row, _ in source.rows()] == [{"email": "ann@example.com"}, '{"email": "\udcff", 5}']


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ("", "is empty"),
        ('{"contacts": []}', "looks like JSON lines"),
        ('{\n  "email": "ann@example.com"\n}', "is a single object"),
        ("17", "is no array"),
        ("email,name\nann@example.com,Ann\n", "looks like CSV"),
        ('{"email": "a@example.com"}\n{"email": "b@example.com"}\n', 'looks like JSON lines; .*format="jsonl"'),
    ],
)
def test_a_json_file_that_is_no_array_is_refused_by_name(tmp_path: Path, content: str, fragment: str) -> None:
    with pytest.raises(Invalid, match=f"a.json: .*{fragment}"):
        opened(written(tmp_path / "a.json", content))


@pytest.mark.parametrize("rest", ["", ",", ', {"email": "x', ', {"email": {"a": 1}', "] x"])
def test_an_array_that_is_cut_is_named_after_its_last_element(tmp_path: Path, rest: str) -> None:
    source = opened(written(tmp_path / "a.json", '[{"email": "a@example.com"}, {"email": "b@example.com"}' + rest))
    with pytest.raises(Invalid, match=r"a\.json: cannot be read further"):
        list(source.rows())


# What a file looks like


@pytest.mark.parametrize(
    ("name", "content", "fragment"),
    [
        ("a.jsonl", b"email,name\nann@example.com,Ann\n", 'looks like CSV; if it is, give format="csv"'),
        ("a.jsonl", b'[{"email": "ann@example.com"}]', 'looks like a JSON array; if it is, give format="json"'),
        ("a.jsonl", b'[\n  {"email": "ann@example.com"}\n]', "looks like a JSON array"),
        ("a.csv", b'{"email": "ann@example.com"}\n', 'looks like JSON lines; if it is, give format="jsonl"'),
        ("a.txt", b'\xef\xbb\xbf[{"email": "ann@example.com"}]', "looks like a JSON array"),
        ("a.csv", b"PK\x03\x04\x14\0", 'give format="xlsx"'),
        ("a.csv", b"PAR1\x15\x04", 'is a Parquet file; give format="parquet"'),
        ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1", "is an old or encrypted Excel workbook"),
        ("a.csv", b"\x28\xb5\x2f\xfd", "is packed by zstd; unpack it first"),
        ("a.csv", b"SQLite format 3\0", "is an SQLite database"),
        ("a.csv", b"\n<!DOCTYPE html><html><body>Log in</body></html>", "is a web page"),
        ("a.csv", b"<table><tr><td>email</td></tr></table>", "is a web page"),
        ("a.jsonl", b'{\n  "email": "ann@example.com"\n}\n', "begins with an object over several lines"),
        ("a.jsonl", b'{"contacts": [\n  {"email": "ann@example.com"}]}', "begins with an object over several lines"),
        ("a.csv", f"email,name\nann@example.com,{'Зофия ' * 40}\n".encode("utf-16-le"), 'encoding="utf-16-le"'),
    ],
)
def test_a_file_of_another_format_is_named(tmp_path: Path, name: str, content: bytes, fragment: str) -> None:
    with pytest.raises(Invalid) as raised:
        opened(written(tmp_path / name, content))
    assert fragment in str(raised.value)


# Encodings


ASCII = "".join(f"c{number}@example.com,Ann\n" for number in range(100_000))


@pytest.mark.sampled
@pytest.mark.parametrize("before", ["", ASCII])
@pytest.mark.parametrize("packed", [False, True])
def test_another_encoding_is_refused_with_its_first_line(tmp_path: Path, before: str, *, packed: bool) -> None:
    text = f"email,name\n{before}ann@example.com,Zoé\nbob@example.com,Bob\ncy@example.com,Hélène\n"
    content = text.encode("cp1252")
    path = written(tmp_path / "a.csv", gzip.compress(content) if packed else content)
    with pytest.raises(Invalid) as raised:
        opened(path)
    assert str(raised.value).startswith(f"{path}: is not UTF-8 (line {2 + before.count(chr(10))}); give the encoding")
    assert "encoding=\"cp1252\" reads 'Hélène'" in str(raised.value)
    assert bodies(path, encoding="cp1252")[-1]["contact"]["name"] == "Hélène"


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_a_damaged_byte_rejects_its_row_alone(tmp_path: Path, kind: str) -> None:
    people = [{"email": "ann@example.com", "name": "A?n"}, *PEOPLE, {"email": "bob@example.com", "name": "?"}]
    content = {"csv": csv_of(people).encode(), "jsonl": lines_of(people), "json": orjson.dumps(people)}[kind]
    found = bodies(written(tmp_path / f"a.{kind}", content.replace(b"?", b"\xff")))
    assert found[1:-1] == BODIES
    assert [isinstance(body, tuple) for body in (found[0], found[-1])] == [True, True]


def test_a_single_damaged_row_of_ascii_is_rejected_alone(tmp_path: Path) -> None:
    found = bodies(written(tmp_path / "a.csv", b"email,name\nann@example.com,A\xf3n\nbob@example.com,Bob\n"))
    assert [isinstance(body, tuple) for body in found] == [True, False]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_utf_16_is_detected_without_a_byte_order_mark(tmp_path: Path, encoding: str, kind: str) -> None:
    text = {"csv": csv_of(PEOPLE), "jsonl": lines_of(PEOPLE).decode(), "json": orjson.dumps(PEOPLE).decode()}[kind]
    assert bodies(written(tmp_path / f"a.{kind}", text.encode(encoding))) == BODIES


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_utf_32_is_detected_by_its_byte_order_mark(tmp_path: Path, kind: str) -> None:
    text = {"csv": csv_of(PEOPLE), "jsonl": lines_of(PEOPLE).decode(), "json": orjson.dumps(PEOPLE).decode()}[kind]
    assert bodies(written(tmp_path / f"a.{kind}", text.encode("utf-32"))) == BODIES


def test_nul_characters_at_the_end_of_a_file_are_one_rejected_row(tmp_path: Path) -> None:
    found = bodies(written(tmp_path / "a.csv", b"email\nann@example.com\n" + b"\0" * 4096))
    assert [isinstance(body, tuple) for body in found] == [False, True]


@pytest.mark.parametrize("where", ["email", "name", "properties.size", "ignored"])
def test_a_nul_character_rejects_its_row_alone(tmp_path: Path, where: str) -> None:
    columns = ["email", "name", "properties.size", "ignored"]
    rows = [[f"c{number}@example.com", "Ann", "XL", "x"] for number in range(20)]
    rows[3][columns.index(where)] += "\0"
    rows[5][1] = '"Ann\n\0Lee"'
    text = "\n".join(map(",".join, [columns, *rows]))
    found = bodies(written(tmp_path / "a.csv", text), extra_columns="ignore")
    assert [body for body in found if isinstance(body, tuple)] == [
        (5, "contains a NUL character: the file is damaged in this row, or is not text"),
        (7, "contains a NUL character: the file is damaged in this row, or is not text"),
    ]
    assert len(found) == 20


def test_a_nul_character_in_a_json_line_rejects_it_alone(tmp_path: Path) -> None:
    lines = [lines_of([person]) for person in PEOPLE]
    lines[3] = lines[3].replace(b"Zofia", b"Zo\0fia")
    found = bodies(written(tmp_path / "a.jsonl", b"".join(lines)))
    assert found[:3] + found[4:] == BODIES[:3] + BODIES[4:]
    assert found[3][0] == 4


# Excel


def test_cells_of_a_workbook_are_their_values(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    header = ["email", "phone", "birthday", "externalId", "properties.big", "properties.part", "properties.time"]
    path = workbook(
        tmp_path / "a.xlsx",
        [
            header,
            ["ann@example.com", 48600100200, (30813,), 17.0, 123456789012345.0, 0.5, (45296.5,)],
            [None] * 7,
            ["bob@example.com", None, None, "00950", None, True, None],
        ],
    )
    assert bodies(path) == [
        {
            "contact": {"email": "ann@example.com", "phone": "48600100200", "externalId": "17"},
            "birthday": "19840511",
            "properties": {"big": "123456789012345", "part": "0.5", "time": "2024-01-05T12:00:00"},
        },
        {"contact": {"email": "bob@example.com", "externalId": "00950"}, "properties": {"part": "true"}},
    ]


def test_rows_of_a_workbook_have_the_numbers_that_excel_shows(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    rows: list[list[Any]] = [
        ["email", "name"],
        ["a@example.com", "Ann\nLee\r\nJr"],
        [None, None],
        ["nobody", "B\n\n"],
        ["nobody", "C"],
    ]
    source = opened(workbook(tmp_path / "a.xlsx", rows))
    assert [(line, source.record(row)["name"]) for row, line in source.rows()] == [
        (2, "Ann\nLee\nJr"),
        (4, "B\n\n"),
        (5, "C"),
    ]


ANN_SHEET = [["email"], ["ann@example.com"]]
NOTES_SHEET = [["notes"]]


@pytest.mark.parametrize(
    ("sheets", "hidden", "named"),
    [
        ([ANN_SHEET], (), None),
        ([ANN_SHEET, [], []], (), None),
        ([[], ANN_SHEET, NOTES_SHEET], (), "'S3'"),
        ([NOTES_SHEET, ANN_SHEET], (1,), "'S1' (hidden)"),
        ([ANN_SHEET, *[NOTES_SHEET] * 7], (), "'S2', 'S3', 'S4', 'S5', 'S6' and 2 more"),
    ],
)
def test_the_first_visible_sheet_that_is_not_empty_is_read_and_filled_ones_are_named(
    tmp_path: Path, sheets: list[Any], hidden: Collection[int], named: str | None
) -> None:
    pytest.importorskip("python_calamine")
    source = opened(workbook(tmp_path / "a.xlsx", *sheets, hidden=hidden))
    assert list(bodies_of(source)) == [{"contact": {"email": "ann@example.com"}}]
    assert list(map(str, source.warnings)) == (
        [f"the workbook has further sheets, which are not read: {named}"] if named else []
    )


@pytest.mark.parametrize("hidden", [(), (2,)])
def test_a_workbook_without_a_visible_row_is_refused(tmp_path: Path, hidden: Collection[int]) -> None:
    pytest.importorskip("python_calamine")
    with pytest.raises(Invalid, match="all of its visible sheets are empty"):
        opened(workbook(tmp_path / "b.xlsx", [], ANN_SHEET if hidden else [], hidden=hidden))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (2.0**53 - 1, "9007199254740991"),
        (2.0**53, "9.00719925474099E+15"),
        (1.23456789012345e17, "1.23456789012345E+17"),
        (-1e20, "-1.00000000000000E+20"),
    ],
)
@pytest.mark.parametrize("decimal", [".", ","])
def test_digits_that_a_workbook_does_not_hold_are_not_invented(
    tmp_path: Path, number: float, text: str, decimal: str
) -> None:
    pytest.importorskip("python_calamine")
    path = workbook(tmp_path / "a.xlsx", [["email", "externalId"], ["ann@example.com", number]])
    text = text.replace(".", decimal)
    source = opened(path, decimal=decimal)
    assert list(bodies_of(source)) == [{"contact": {"email": "ann@example.com", "externalId": text}}]
    is_short = "E" in text
    assert [warning.text for warning in source.warnings] == [LOST_DIGITS] * is_short
    [strict] = bodies(path, decimal=decimal, strict=True)
    assert (strict == (2, f"externalId: {LOST_DIGITS}")) == is_short


@pytest.mark.parametrize("content", [b"", b"email\n", b"PK\x03\x04 and so on"])
def test_a_file_that_is_no_workbook_is_named(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("python_calamine")
    with pytest.raises(Invalid, match=r"a\.xlsx: is not an Excel workbook"):
        opened(written(tmp_path / "a.xlsx", content))


def test_without_calamine_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(
        Invalid, match=r"a\.xlsx: Excel needs the extra 'excel': pip install 'salesmanago-async\[excel\]'"
    ):
        opened(written(tmp_path / "a.xlsx", b""))


# Warnings


@pytest.mark.parametrize(("count", "of_sample"), [(10, False), (9000, True)])
def test_a_warning_says_whether_all_rows_of_a_table_were_looked_at(
    tmp_path: Path, count: int, *, of_sample: bool
) -> None:
    rows = "ann@example.com,NULL,4.86E+10\n" * count
    source = opened(written(tmp_path / "a.csv", f"email,name,phone\n{rows}"))
    assert len(list(source.rows())) == count
    words, digits = sorted(source.warnings, key=lambda warning: warning.column)
    assert (words.of_sample, digits.of_sample) == (of_sample, False)
    assert digits.count == count


# Runs and memory


@pytest.mark.anyio
async def test_a_run_takes_the_format_as_an_option(sm: SalesManago, tmp_path: Path) -> None:
    path = written(tmp_path / "people.dat.gz", gzip.compress(orjson.dumps([*PEOPLE, 5])))
    report = await sm.contacts.upsert_many(path, format="json")
    assert (report.accepted, report.rejected) == (300, 1)
    [problem] = report.problems
    assert (problem.line, problem.record) == (301, 5)


READ = """
import sys
from pathlib import Path
from salesmanago_async.records.findings import LOST_DIGITS
from salesmanago_async.records.shapes import contact_shape
from salesmanago_async.sources.options import ReadOptions
from salesmanago_async.sources.sources import open_file

source = open_file(Path(sys.argv[1]), contact_shape(), ReadOptions(format=sys.argv[2]))
encode = source.encoder().encode
print(sum(1 for row, line in source.rows() if encode(row)))
"""


@pytest.mark.ci
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_ten_times_the_rows_take_no_more_memory(tmp_path: Path, kind: str) -> None:
    peaks = []
    for count in (20_000, 200_000):
        people = [{"email": f"c{number}@example.com", "name": f"Name {number}"} for number in range(count)]
        content = {"csv": csv_of(people).encode(), "jsonl": lines_of(people), "json": orjson.dumps(people)}[kind]
        path = written(tmp_path / f"{count}.gz", gzip.compress(content, 1))
        printed, peak = run_and_measure(READ, path, kind)
        assert printed == str(count)
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 4
