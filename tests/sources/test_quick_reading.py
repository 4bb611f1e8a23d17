"""What is quick about reading a CSV file changes nothing: the searches for cells that need cleaning, and the blocks."""

import codecs
import csv
import io
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async.records.cells import INVISIBLE, CellRules
from salesmanago_async.records.findings import LOST_DIGITS, CellKind, findings
from salesmanago_async.records.shapes import contact_shape
from salesmanago_async.records.unclean_columns import unclean_columns
from salesmanago_async.sources import csv_files, line_blocks
from salesmanago_async.sources.csv_files import CsvFile, RefusedRow
from salesmanago_async.sources.csv_rows import RowWidth
from salesmanago_async.sources.line_blocks import LineBlock, blocks_of_utf8
from salesmanago_async.sources.options import ReadOptions
from salesmanago_async.sources.plain_csv import DELIMITERS, WHITE_SPACE, is_plain
from salesmanago_async.sources.sources import open_source
from tests.conftest import examples

RULES = CellRules()
MARKS = [*" ,;|\"'=+eE0123.a\r\n\t\0", *INVISIBLE, "\u00a0", "\u2028", "\x1c", "\u00e9", "\u20ac", "\u0141", "\u0661"]
"""Whatever a search may stumble over, and letters that it must not mind."""
PARTS = st.sampled_from(
    [*MARKS, "Ann", "4.86E+10", "1e+5", "1,234", "4.8E10", '""', '", "', "NULL", "None", "12.0", "'+48", '="1"', "-"]
)
CELLS = st.lists(PARTS, max_size=4).map("".join)
USUAL = ["Ann", "O'Brien", "a=b", "+48600100200", "Łódź 1", "", "€ 5", 'U "Zosi"', "1.5", "a, b", "anne+e@x.pl"]
UNCLEAN = [
    "Ann ",
    " Ann",
    "'+48",
    '="0095"',
    "4.86E+10",
    "1e+5",
    "\u0661E+10",
    "Ann\n",
    "\tAnn",
    "Ann\x1f",
    "Ann\u00a0",
]
UNCLEAN += [f"Ann{character}" for character in INVISIBLE]
WORDS = ["NULL", "None", "\\N", "12.0", "12,00", "#REF!", "#WERT!", "###", "undefined", "(not set)", "4.86001E10"]
WORDS += ["4,8e10"]
ANY_CELL = st.one_of(st.sampled_from(USUAL), st.sampled_from([*USUAL, *UNCLEAN, *WORDS, "-", " - "]), CELLS)
RULES_OF_RUNS = st.builds(
    CellRules, keep_spaces=st.booleans(), null=st.sampled_from([frozenset[str](), frozenset({"NULL", " - ", "-"})])
)


def is_clean(cell: str, rules: CellRules = RULES) -> bool:
    return rules.clean(cell) == cell


@pytest.mark.parametrize(
    "line",
    [
        "ann@example.com,Ann O'Brien,+48 600 100 200,https://example.com/?a=b&c=d",
        'ann@example.com,"Sklep ""U Zosi""",Łódź,„ul.” – 5 €,"VIP,NEWSLETTER"',
        'ann@example.com,"ul. Długa 1, m. 2",anne+tag@example.com,""',
        "ann@example.com;E;-;1,5; Kraków",
    ],
)
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r"])
def test_usual_lines_are_plain(line: str, end: str) -> None:
    assert is_plain((line + end).encode())


@pytest.mark.parametrize(
    "cell",
    ["Ann ", '"Ann "', '" Ann"', "'+48", '"\'+48"', " '+48", '="0095"', '"=""0095"""', "4.86E+10", "1e+5", "\u0661E+1"],
)
def test_a_line_with_a_cell_that_needs_a_look_is_not_plain(cell: str) -> None:
    lines = ["{}", "{},b", "b,{}", "b\n{}", "{}\nb", "b\r\n{}\r\nb", "b\r{}\rb", "b;{};b", "b|{}|b"]
    assert [line for line in lines if is_plain(line.format(cell).encode())] == []


def test_a_line_with_a_character_that_nobody_sees_is_not_plain() -> None:
    unseen = "\0\t\v\f\x1c\x1d\x1e\x1f" + INVISIBLE + WHITE_SPACE
    assert [character for character in unseen if is_plain(f"a{character}b".encode())] == []


def test_all_white_space_is_known() -> None:
    spaces = [character for character in map(chr, range(sys.maxunicode + 1)) if character.isspace()]
    assert "".join(character for character in spaces if not character.isascii()) == WHITE_SPACE
    assert [space for space in spaces if is_plain(f'"Ann{space}",b'.encode()) and space not in "\r\n"] == []
    assert [space for space in spaces if unclean_columns([(f"Ann{space}",)], RULES, kinds=None) == []] == []


@settings(deadline=None, max_examples=examples(1000))
@given(
    st.lists(st.one_of(PARTS, ANY_CELL, st.sampled_from(DELIMITERS)), max_size=12).map("".join),
    st.sampled_from(DELIMITERS),
    st.booleans(),
)
def test_plain_text_has_only_clean_cells(text: str, delimiter: str, keep_spaces: bool) -> None:
    """The text is any text: the quotes in it need not be balanced."""
    if not is_plain(text.encode()):
        return
    for line in io.StringIO(text, newline=""):
        try:
            rows = list(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=not keep_spaces))
        except csv.Error:
            continue
        for cell in (cell for row in rows for cell in row):
            assert is_clean(cell, CellRules(keep_spaces=keep_spaces))
            assert LOST_DIGITS not in findings(cell)
            assert "\0" not in cell


@settings(deadline=None, max_examples=examples(300))
@given(
    st.lists(st.tuples(ANY_CELL, ANY_CELL, ANY_CELL), min_size=1, max_size=3),
    RULES_OF_RUNS,
    st.lists(st.sampled_from(CellKind), min_size=3, max_size=3) | st.none(),
)
def test_a_column_that_needs_no_look_has_only_clean_cells(
    rows: list[tuple[str, ...]], rules: CellRules, kinds: list[CellKind] | None
) -> None:
    found = unclean_columns(rows, rules, kinds=kinds)
    for number, cells in enumerate(zip(*rows, strict=True)):
        if number not in found:
            kind = kinds[number] if kinds else CellKind.TEXT
            assert all(is_clean(cell, rules) for cell in cells)
            assert not [text for cell in cells for text in findings(cell, kind) if kinds or text == LOST_DIGITS]


def test_usual_columns_need_no_look() -> None:
    assert unclean_columns([USUAL, USUAL[::-1]], RULES, kinds=[CellKind.TEXT] * len(USUAL)) == []


@pytest.mark.parametrize("cell", UNCLEAN)
def test_the_column_of_a_cell_that_needs_a_look_is_named(cell: str) -> None:
    assert unclean_columns([("a", "Ann"), ("b", cell), ("c", "Eve")], RULES, kinds=None) == [1]


@pytest.mark.parametrize("cell", WORDS)
def test_words_are_searched_for_if_they_are_asked_for(cell: str) -> None:
    rows = [("a", cell), ("b", "Eve")]
    assert [unclean_columns(rows, RULES, kinds=kinds) for kinds in (None, [CellKind.TEXT] * 2)] == [[], [1]]


@pytest.mark.parametrize("keep_spaces", [False, True])
@pytest.mark.parametrize(("cell", "null"), [("-", "-"), (" - ", "-"), (" - ", " - ")])
def test_texts_for_null_are_searched_for(cell: str, null: str, keep_spaces: bool) -> None:
    rules = CellRules(null=frozenset({null}), keep_spaces=keep_spaces)
    assert rules.clean(cell) == ""
    assert unclean_columns([("a", cell)], rules, kinds=None) == [1]


def source_of(path: Path, **options: Any) -> CsvFile:
    source = open_source(path, contact_shape(), ReadOptions(**{"delimiter": ",", **options}))
    assert isinstance(source, CsvFile)
    return source


@settings(deadline=None, max_examples=examples(200))
@given(
    st.lists(st.tuples(ANY_CELL, ANY_CELL), max_size=8),
    RULES_OF_RUNS,
    st.booleans(),
    st.sampled_from([0, 1000]),
    st.sampled_from([1, 40, 4096]),
    st.sampled_from([(csv.QUOTE_ALL, "\n"), (csv.QUOTE_MINIMAL, "\r\n")]),
)
def test_a_file_is_read_as_if_each_cell_were_looked_at(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[tuple[str, str]],
    rules: CellRules,
    strict: bool,
    sample: int,
    piece: int,
    form: tuple[Any, str],
) -> None:
    rows = [[f"c{number}@example.com", *(cell.replace("\0", "") for cell in row)] for number, row in enumerate(table)]
    written = io.StringIO(newline="")
    csv.writer(written, quoting=form[0], lineterminator=form[1]).writerows([("email", "name", "city"), *rows])
    path = tmp_path_factory.getbasetemp() / "quick.csv"
    path.write_bytes(written.getvalue().encode())
    source = source_of(path, strict=strict, keep_spaces=rules.keep_spaces, null=tuple(rules.null))
    with patch.object(line_blocks, "PIECE", piece), patch.object(csv_files, "SAMPLE", sample):
        taken = [row for row, _ in source.rows()]

    cleaned = [[rules.clean(cell) for cell in row] for row in rows]
    wrong = [[text for cell in row for text in findings(cell)] for row in cleaned]
    if not sample and not strict:
        wrong = [[text for text in texts if text == LOST_DIGITS] for texts in wrong]
    assert [row.__class__ is RefusedRow for row in taken] == [strict and bool(texts) for texts in wrong]
    assert [list(row) for row in taken if row.__class__ is not RefusedRow] == [
        row for row, texts in zip(cleaned, wrong, strict=True) if not (strict and texts)
    ]
    if rules.keep_spaces or form[0] == csv.QUOTE_ALL:  # csv.reader has skipped no spaces
        assert [list(source.record(row).values()) for row in taken] == rows
    for text in {text for texts in wrong for text in texts}:
        count = sum(warning.count or 0 for warning in source.warnings if warning.text == text)
        assert count == (0 if strict else sum(texts.count(text) for texts in wrong))


@pytest.mark.parametrize(
    ("row", "fitted"),
    [
        ("a,b,4,wrong", "a,b,4,wrong"),
        ("a", "a,,,"),
        ("a,b,4,wrong, ,", "a,b,4,wrong"),
        ("a,b,,,4,wrong", "a,b,4,wrong"),
        ("a,b,c,4,wrong", None),
    ],
)
def test_surplus_cells_stand_before_the_notes(row: str, fitted: str | None) -> None:
    assert RowWidth(4, notes=2).fitted(row.split(",")) == (fitted and fitted.split(","))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,b,c,4,wrong", "has 3 cells, the header has 2"),
        ("a", "has 1 cell, the header has 4"),  # a row without its notes
    ],
)
def test_a_row_of_another_width_is_told_as_in_the_file_without_notes(row: str, reason: str) -> None:
    assert RowWidth(4, notes=2).other(row.split(",")) == reason


def test_cells_in_quotes_that_span_lines_are_told_without_notes(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    path.write_text('email,name,_line,_reason\na@example.com,"b\nc",d,2,"wrong"\n')
    row, line = next(source_of(path).rows())
    assert line == 2
    assert row.reason == "has 3 cells, the header has 2; its quotes reach to line 3: is one left open?"


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            ["c@example.com,Ann,Łódź\n", "c@example.com,Ann ,x\r\n", 'c@example.com,"a\nb",x\n', ",,\n", "\n"]
        ),
        st.sampled_from(
            ['c@example.com,"Ann,x\n', "c@example.com,Ann\n", "c@example.com,Ann,x,\n", "a\0b,c,d\n", "x\r"]
        ),
        st.lists(PARTS, max_size=5).map("".join),
    ),
    max_size=12,
).map("".join)
"""Good rows, bad rows, and pieces of rows."""


def as_told(source: CsvFile) -> tuple[list[Any], Any]:
    """What a run gets of a file."""
    rows = [(list(row) if isinstance(row, list) else row, source.record(row), line) for row, line in source.rows()]
    return rows, source.warnings


@settings(deadline=None, max_examples=examples(200))
@given(
    st.sampled_from(["email,name,city", "email,name,_reason"]),
    TEXTS,
    st.sampled_from([1, 7, 50]),
    st.integers(1, 3),
    st.sampled_from(["utf-8", "utf-8-sig"]),
)
def test_it_does_not_matter_where_a_block_ends(
    tmp_path_factory: pytest.TempPathFactory, header: str, text: str, piece: int, items: int, encoding: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "blocks.csv"
    much = "x" * 1000  # a file with more than a few control characters is no text
    path.write_bytes(f"{header}\nann@example.com,{much},y\n{text}".encode(encoding))
    source = source_of(path)
    told = as_told(source)
    with patch.object(line_blocks, "PIECE", piece), patch.object(line_blocks, "ITEMS", items):
        assert as_told(source) == told
    with patch.object(LineBlock, "has_nul", True):  # so that nothing is parsed at once
        assert as_told(source) == told


@settings(deadline=None, max_examples=examples(200))
@given(
    st.lists(st.sampled_from(["a", "ż", "\r", "\n", "\r\n", "\u2028", "\x85", "\x0c", "\ufeff", "\udcff", ","])),
    st.integers(1, 9),
)
def test_the_lines_of_a_file_end_where_python_ends_them(parts: list[str], piece: int) -> None:
    content = "".join(parts).encode("utf-8", "surrogateescape")
    with patch.object(line_blocks, "PIECE", piece):
        blocks = list(blocks_of_utf8(io.BufferedReader(io.BytesIO(content))))
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", errors="surrogateescape", newline="")
    assert [line for block in blocks for line in block.lines] == list(text)
    assert b"".join(block.utf8 or b"" for block in blocks) == content.removeprefix(codecs.BOM_UTF8)
    assert all(block.lines for block in blocks)


def last_row(path: Path, cells: list[str], **options: Any) -> Any:
    """Return the last row of a file that is long enough for its last block to be plain."""
    rows = [["email", "name", "city"], *(["ann@example.com", "Ann", "Łódź"] for _ in range(5000)), cells]
    path.write_text("".join(options.get("delimiter", ",").join(row) + "\n" for row in rows), encoding="utf-8")
    [*_, (row, line)] = source_of(path, **options).rows()
    assert line == 5002
    return row


def test_what_depends_on_options_is_done_in_plain_blocks_too(tmp_path: Path) -> None:
    path, cells = tmp_path / "long.csv", ["eve@example.com", "NULL", "Kraków"]
    joined = {"name": "name", "city": "name"}
    assert last_row(path, cells) == cells
    assert last_row(path, cells, null="NULL") == ["eve@example.com", "", "Kraków"]
    assert last_row(path, cells, columns=joined) == ["eve@example.com", "NULL Kraków", "Kraków"]
    assert last_row(path, cells, strict=True).__class__ is RefusedRow


def test_the_end_of_a_line_is_removed_from_the_end_of_a_cell(tmp_path: Path) -> None:
    cells = ["eve@example.com", '"Eve\n"', "X"]
    assert last_row(tmp_path / "long.csv", cells) == ["eve@example.com", "Eve", "X"]


@pytest.mark.parametrize("delimiter", ["\t", "^", "a"])
def test_no_block_is_plain_with_another_delimiter(tmp_path: Path, delimiter: str) -> None:
    header = ["emil", "nme", "city"] if delimiter == "a" else ["email", "name", "city"]
    rows = [header, *(["eve@exmple.com", "Eve", "X"] for _ in range(5000)), ["eve@exmple.com", "Eve ", "'+48"]]
    path = tmp_path / "other.csv"
    path.write_text("".join(delimiter.join(row) + "\n" for row in rows), encoding="utf-8")
    columns = {"emil": "email", "nme": "name"} if delimiter == "a" else {}
    assert [*source_of(path, delimiter=delimiter, columns=columns).rows()][-1][0] == ["eve@exmple.com", "Eve", "+48"]
