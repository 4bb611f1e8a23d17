"""Real-world files: readable rows are read, unreadable rows are reported with their line, and none is lost."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async import Contact, SalesManago
from salesmanago_async.api.codec import dumps
from salesmanago_async.errors import Invalid
from salesmanago_async.outcome import Outcome
from salesmanago_async.records.encoders import Encoder
from salesmanago_async.records.shapes import contact_shape
from salesmanago_async.sources.options import ReadOptions
from salesmanago_async.sources.sources import FileSource, Source, open_file, open_source
from tests.conftest import examples

NASTY = Path(__file__).parent.parent / "data" / "nasty"
QUOTE = "is one left open?"
NO_EMAIL = "email: is not an e-mail address"
Rows = dict[int, Any]
"""Line → its content: (address, other fields …) of an accepted row, the reason of a refused one."""


def opened(path: Path, **options: Any) -> Source:
    reading = ReadOptions(**options)
    return open_source(path, contact_shape(reading.extra_columns), reading)


def encoded(source: Source, encoder: Encoder, row: Any) -> dict[str, Any]:
    """The body of a row. A run sends the same body, and reports the same reason for a row that it cannot send."""
    try:
        body = source.body(row)
        item = dumps(body)
    except Invalid as error:
        with pytest.raises(Invalid, match=f"^{re.escape(str(error))}$"):
            encoder.encode(row)
        raise
    assert encoder.encode(row)[0] == item
    return body


def lines_of(source: Source) -> Iterator[tuple[Any, int]]:
    rows = source.rows()
    assert isinstance(rows, Iterator)
    for row, line in rows:
        assert line is not None
        yield row, line


def rows_of(source: Source) -> tuple[Rows, Rows]:
    """Read a whole file: the bodies of accepted rows and the reasons of refused rows, by line."""
    taken: Rows = {}
    refused: Rows = {}
    encoder = source.encoder()
    for row, line in lines_of(source):
        assert line not in taken.keys() | refused.keys()
        try:
            taken[line] = encoded(source, encoder, row)
        except Invalid as error:
            refused[line] = str(error)
    return taken, refused


def records_of(source: Source) -> Rows:
    return {line: source.record(row) for row, line in lines_of(source)}


def contact(email: str, **fields: Any) -> dict[str, Any]:
    """A body with an address, other fields of the contact, and fields outside the contact."""
    address = {name: fields.pop(name) for name in {"streetAddress", "city"} & fields.keys()}
    beside = {name: fields.pop(name) for name in {"tags", "birthday"} & fields.keys()}
    return {"contact": {"email": email, **fields, **({"address": address} if address else {})}, **beside}


ANN, BOB, CY = (contact(f"{name.lower()}@example.com", name=name) for name in ("Ann", "Bob", "Cy"))
IVY = contact("ivy@example.com", name="Ivy")
ZOFIA = contact("zofia@example.com", name="Zofia Żółć")
JOZEF = contact("józef@example.com", name="Jozef")


@pytest.mark.parametrize(
    ("name", "options", "taken", "refused"),
    [
        pytest.param(
            "diacritics.csv",
            {},
            {
                2: contact("łucja@example.com", name="Łucja Żółć", city="Łódź"),
                3: contact("josé@example.com", name="José Ñuñez", city="São Paulo"),
                4: contact("li@example.com", name="李雷 🎁", city="北京"),
            },
            {},
            id="diacritics",
        ),
        pytest.param(
            "quotes-and-breaks.csv",
            {},
            {
                2: contact("ann@example.com", name='Ann "the Hammer" Lee', streetAddress="1 Main Street\nFlat 2"),
                4: contact("bob@example.com", name="Lee, Bob", streetAddress="3 Side Street"),
                7: contact("cy@example.com", name="Cy", streetAddress="4 End"),
            },
            {},
            id="quotes and line breaks in cells",
        ),
        pytest.param(
            "excel.csv",
            {},
            {
                2: {**ANN, "tags": ["VIP", "NEW"]},
                3: contact("bob@example.com", name="Bob;\r\nJr"),
                5: {**CY, "tags": ["OLD"]},
            },
            {},
            id="BOM, CRLF and semicolons",
        ),
        pytest.param("tabs.tsv", {}, {2: contact("ann@example.com", name="Ann, of Leeds; VIP"), 3: BOB}, {}, id="tabs"),
        pytest.param(
            "holes.csv", {}, {4: ANN, 8: contact("bob@example.com"), 10: CY}, {}, id="empty lines, lines of empty cells"
        ),
        pytest.param(
            "damaged-bytes.csv",
            {},
            {2: ANN, 3: ZOFIA, 5: JOZEF, 6: CY},
            {4: "encoding=..."},
            id="a damaged byte",
        ),
        pytest.param(
            "cp1250.csv", {"encoding": "cp1250"}, {2: ANN, 3: ZOFIA, 4: BOB, 5: JOZEF, 6: CY}, {}, id="cp1250 named so"
        ),
        pytest.param("utf16.csv", {}, {2: ANN, 3: ZOFIA}, {}, id="UTF-16 with BOM"),
        pytest.param(
            "bad-fields.csv",
            {},
            {2: ANN, 8: contact("hal@example.com", name="x" * 255, birthday="1231")},
            {
                3: NO_EMAIL,
                4: "name: is 256 characters long",
                5: "email: give an email or a contactId",
                6: "birthday: is '31.12.1999'",
                7: NO_EMAIL,
            },
            id="bad fields",
        ),
        pytest.param(
            "widths.csv",
            {},
            {
                2: {"contact": {**ANN["contact"], "address": {"city": "York"}}},
                3: contact("bob@example.com", name="Bob"),
                6: contact("eve@example.com", name="Eve"),
            },
            {
                4: "has 4 cells, the header has 3",
                5: NO_EMAIL,
            },
            id="too few and too many cells",
        ),
        pytest.param(
            "unclosed-quote.csv",
            {},
            {
                2: contact("ann@example.com", name="Ann", city="York"),
                4: contact("cy@example.com", name="Cy", city="Leeds"),
                5: contact("dan@example.com", name='Dan "D" Day', city="Bath"),
                6: contact("eve@example.com", name="Eve\nLee", city="Ely"),
                8: contact("fay@example.com", name="Fay", city="Deal"),
            },
            {3: QUOTE},
            id="an unclosed quote in the middle",
        ),
        pytest.param("header-only.csv", {}, {}, {}, id="no rows"),
        pytest.param(
            "broken.jsonl",
            {},
            {1: ANN, 9: contact("fay@example.com", tags=["VIP"]), 11: IVY},
            {
                2: "is not valid JSON",
                4: "is not a JSON object",
                5: "is not a JSON object",
                6: "is not valid JSON",
                7: "is not a JSON object",
                8: "nmae: is not a field; did you mean 'name'?",
                10: "is not valid JSON",
            },
            id="JSONL with broken lines",
        ),
    ],
)
def test_every_line_is_accepted_or_refused_with_its_reason(name: str, options: Any, taken: Rows, refused: Rows) -> None:
    found, reasons = rows_of(opened(NASTY / name, **options))
    assert found == taken
    assert reasons.keys() == refused.keys()
    assert [line for line, reason in refused.items() if reason not in reasons[line]] == []


@pytest.mark.parametrize(
    ("name", "records"),
    [
        ("excel.csv", {3: {"email": "bob@example.com", "name": "Bob;\r\nJr", "tags": ""}}),
        ("bad-fields.csv", {3: {"email": "bob at example.com", "name": "Bob", "birthday": ""}}),
        ("widths.csv", {3: ["bob@example.com", "Bob"], 4: ["cy@example.com", "Cy", "Hull", "UK"], 5: ["Dan"]}),
        ("unclosed-quote.csv", {3: 'bob@example.com,"Bob,Hull'}),
        (
            "broken.jsonl",
            {
                2: '{"email": "bob@example.com", "name": "Bob"',
                4: [1, 2],
                5: "cy@example.com",
                7: None,
                8: {"email": "eve@example.com", "nmae": "Eve"},
                10: '{"email": "gil@example.com"} {"email": "hal@example.com"}',
            },
        ),
    ],
)
def test_a_record_is_returned_as_in_the_file(name: str, records: Rows) -> None:
    found = records_of(opened(NASTY / name))
    assert {line: found[line] for line in records} == records


@pytest.mark.parametrize(
    ("name", "content", "options", "fragment"),
    [
        ("a.csv", b"", {}, "has no header line"),
        ("a.csv", b"\xef\xbb\xbf", {}, "has no header line"),
        ("a.csv", b"\n\r\n  \n", {}, "has no header line"),
        ("a.csv", bytes(range(256)), {}, "not a text file"),
        ("a.jsonl", bytes(range(256)), {}, "not a text file"),
        ("a.csv", b"email,name,name\n", {}, "name: is given 2 times"),
        ("a.csv", b"email,zip_code,zipCode\n", {}, "zipCode: is given 2 times"),
        ("a.csv", b"email,name,name\na@example.com,1,2\n", {"extra_columns": "ignore"}, "name: is given 2 times"),
        ("a.csv", b"email,note,note\n", {"extra_columns": "ignore", "columns": {"note": "name"}}, "given 2 times"),
        ("a.csv", b"email,note,note\na@example.com,1,2\n", {"extra_columns": "properties"}, "note: is given 2 times"),
        ("a.csv", b"email,mail\n", {"columns": {"mail": "email"}}, "email: is given 2 times"),
        ("a.csv", b"email,nmae\n", {}, "nmae: is not a field; did you mean 'name'?"),
        ("a.csv", b"email,name\n", {"columns": {"Nickname": "name"}}, "no column 'Nickname' to map"),
        ("a.csv", "email,Imię\n".encode("cp1250"), {"extra_columns": "ignore"}, "encoding=\"cp1250\" reads 'Imię'"),
        ("a.csv", b'email,"name\nann@example.com,Ann\n', {}, "header"),
        ("a.csv", b"email\n", {"encoding": "klingon"}, "klingon"),
        ("a.csv", b"email\n", {"delimiter": ";;"}, "delimiter"),
        ("a.xls", b"PK", {}, ".xls files cannot be read; save it as .xlsx or .csv"),
        ("a.ods.gz", b"PK", {}, ".ods files cannot be read; save it as .xlsx or .csv"),
        ("a.zip", b"PK", {}, "unpack it first"),
        ("a", b"email\n", {}, "has an unknown suffix"),
    ],
)
def test_a_file_that_is_not_a_table_is_refused_and_named(
    tmp_path: Path, name: str, content: bytes, options: Any, fragment: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Invalid) as caught:
        opened(path, **options)
    assert fragment in str(caught.value)
    assert caught.value.field == str(path)


@pytest.mark.parametrize(
    "name",
    ["empty.csv", "binary.csv", "duplicate-header.csv", "unknown-column.csv", "missing.csv", "cp1250.csv", "."],
)
def test_an_unusable_file_is_named(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        opened(NASTY / name)
    assert caught.value.field == str(NASTY / name)


def test_a_directory_is_refused_and_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(Invalid, match="is a folder; give its files one by one") as caught:
        opened(tmp_path / "a.csv")
    assert caught.value.field == str(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("name", "content", "options", "taken"),
    [
        ("a.csv", b"\xef\xbb\xbfemail,name\nann@example.com,Ann", {"encoding": "utf-8-sig"}, {2: ANN}),
        ("a.csv", b"email,name\rann@example.com,Ann\rbob@example.com,Bob", {}, {2: ANN, 3: BOB}),
        ("a.csv", b"  \n\nemail,name\nann@example.com,Ann\n", {}, {4: ANN}),
        ("a.csv", b",\nemail,name\nann@example.com,Ann\n", {}, {3: ANN}),
        ("a.csv", b" email , name \nann@example.com,Ann\n", {}, {2: ANN}),
        ("a.csv", b"email|name\nann@example.com|Ann\n", {}, {2: ANN}),
        ("a.csv", b'email;"name"\nann@example.com;Ann\n', {}, {2: ANN}),
        ("a.csv", b'"email, primary";name\nann@example.com;Ann\n', {"columns": {"email, primary": "email"}}, {2: ANN}),
        (
            "a.csv",
            b"E-mail,Full name\nann@example.com,Ann\n",
            {"columns": {"E-mail": "email", "Full name": "name"}},
            {2: ANN},
        ),
        ("a.csv", b"email:name\nann@example.com:Ann\n", {"delimiter": ":"}, {2: ANN}),
        (
            "a.txt",
            b"email\nann@example.com\n\ncy@example.com\n",
            {},
            {2: contact("ann@example.com"), 4: contact("cy@example.com")},
        ),
        ("a.CSV", b"email,name,_line,_reason\nann@example.com,Ann,7,bad\n", {}, {2: ANN}),
        ("a.csv", b"email,name,note\nann@example.com,Ann,x\n", {"extra_columns": "ignore"}, {2: ANN}),
        (
            "a.csv",
            b"email,name,note\nann@example.com,Ann,x\n",
            {"extra_columns": "properties"},
            {2: {**ANN, "properties": {"note": "x"}}},
        ),
        ("a.jsonl", b'\xef\xbb\xbf{"email": "ann@example.com", "name": "Ann"}\r\n\r\n', {}, {1: ANN}),
        ("a.ndjson", b'{"mail": "ann@example.com", "name": "Ann"}', {"columns": {"mail": "email"}}, {1: ANN}),
        (
            "a.jsonl",
            '{"email": "zofia@example.com", "name": "Zofia Żółć"}'.encode("cp1250"),
            {"encoding": "cp1250"},
            {1: ZOFIA},
        ),
        ("a.jsonl", '{"email": "zofia@example.com", "name": "Zofia Żółć"}\n'.encode("utf-16"), {}, {1: ZOFIA}),
        ("a.jsonl", b"", {}, {}),
    ],
)
def test_a_file_of_this_kind_is_read_completely(
    tmp_path: Path, name: str, content: bytes, options: Any, taken: Rows
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert rows_of(opened(path, **options)) == (taken, {})


def test_a_cell_too_long_for_any_reader_spoils_its_row_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"email,name\nann@example.com,Ann\nbob@example.com,{'x' * 140_000}\ncy@example.com,Cy\n")
    taken, refused = rows_of(opened(path))
    assert (taken, list(refused)) == ({2: ANN, 4: CY}, [3])


@pytest.mark.ci
def test_an_unclosed_quote_far_from_the_end_spoils_its_row_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"c{number}@example.com,Name {number}" for number in range(8000)]  # more than one cell may hold
    rows[100] = 'c100@example.com,"Name 100'
    path.write_text("\n".join(["email,name", *rows]))
    taken, refused = rows_of(opened(path))
    assert list(refused) == [102]
    assert len(taken) == 7999
    assert taken[8001] == contact("c7999@example.com", name="Name 7999")


def test_a_file_cut_off_within_a_character_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("email,name\nann@example.com,Ann\n".encode("utf-16") + b"x")
    source = opened(path)
    rows = lines_of(source)
    assert encoded(source, source.encoder(), next(rows)[0]) == ANN
    with pytest.raises(Invalid, match="line 3 is not utf-16") as caught:
        next(rows)
    assert caught.value.field == str(path)


def test_several_files_are_one_source_with_the_file_of_each_row() -> None:
    paths = [NASTY / "tabs.tsv", NASTY / "header-only.csv", NASTY / "broken.jsonl"]
    files = FileSource([open_file(path, contact_shape(), ReadOptions()) for path in paths])
    found = [(files.file_of(row), line, files.record(row)) for row, line in lines_of(files)]
    assert found[1:3] == [
        (str(paths[0]), 3, {"email": "bob@example.com", "name": "Bob"}),
        (str(paths[2]), 1, {"email": "ann@example.com", "name": "Ann"}),
    ]
    assert len(found) == 2 + 10
    assert files.bytes_read == files.total_bytes == sum(path.stat().st_size for path in paths)


def test_a_row_of_several_files_is_encoded_by_its_own_file() -> None:
    files = FileSource(
        [open_file(NASTY / name, contact_shape(), ReadOptions()) for name in ("excel.csv", "broken.jsonl")]
    )
    encoder = files.encoder()
    taken, refused = 0, 0
    for row, _ in lines_of(files):
        try:
            encoded(files, encoder, row)
            taken += 1
        except Invalid:
            refused += 1
    assert (taken, refused) == (3 + 3, 7)


def test_the_tags_of_a_run_are_added_to_those_of_each_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("mail,tags\nann@example.com,VIP\nbob@example.com,\n")
    (tmp_path / "a.jsonl").write_text('{"mail": "ann@example.com", "tags": ["VIP"]}\n{"mail": "bob@example.com"}\n')
    for name in ("a.csv", "a.jsonl"):
        source = opened(tmp_path / name, columns={"mail": "email"})
        encoder = source.encoder(["NEW"])
        bodies = [json.loads(encoder.encode(row)[0]) for row, _ in lines_of(source)]
        assert [body["tags"] for body in bodies] == [["VIP", "NEW"], ["NEW"]]


@pytest.mark.parametrize("name", ["excel.csv", "utf16.csv", "unclosed-quote.csv", "broken.jsonl"])
def test_the_bytes_read_grow_to_the_size_of_the_file(name: str) -> None:
    source = opened(NASTY / name)
    assert source.bytes_read == 0  # type: ignore[attr-defined]
    rows_of(source)
    assert source.bytes_read == source.total_bytes == (NASTY / name).stat().st_size  # type: ignore[attr-defined]


def test_reading_a_file_twice_returns_the_same_rows() -> None:
    source = opened(NASTY / "unclosed-quote.csv")
    assert records_of(source) == records_of(source)


def test_a_renamed_column_keeps_its_name_in_the_record(tmp_path: Path) -> None:
    for name, content in (("a.csv", "mail\nbad\n"), ("a.jsonl", '{"mail": "bad"}\n')):
        path = tmp_path / name
        path.write_text(content)
        source = opened(path, columns={"mail": "email"})
        assert list(records_of(source).values()) == [{"mail": "bad"}]


def test_renaming_a_column_to_an_existing_field_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"mail": "ann@example.com", "email": "bob@example.com"}\n{"mail": "cy@example.com", "name": "Cy"}\n'
    )
    taken, refused = rows_of(opened(path, columns={"mail": "email"}))
    assert taken == {2: CY}
    assert "email: is given 2 times" in refused[1]


@pytest.mark.parametrize("given", [{"email": "ann@example.com"}, 5, None, Contact(email="ann@example.com")])
def test_an_invalid_source_is_refused(given: Any) -> None:
    with pytest.raises(Invalid, match="give an iterable of records, or the path of a file"):
        open_source(given, contact_shape())


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
TABLES = st.lists(st.tuples(CELLS, CELLS), max_size=6)


@settings(deadline=None, max_examples=examples(30))
@given(
    TABLES,
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
)
def test_any_table_is_read_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[tuple[str, str]],
    delimiter: str,
    encoding: str,
    end: str,
    quoting: Any,
) -> None:
    if quoting == csv.QUOTE_MINIMAL:
        end = "\r\n"  # else Python 3.11 does not quote the other line end, and the file means something else
    rows = [(f"c{number}@example.com", *cells) for number, cells in enumerate(table)]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(
        [("email", "name", "properties.note"), *rows]
    )
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    assert [tuple(record.values()) for record in records_of(opened(path, keep_spaces=True)).values()] == rows


WORDS = st.text("ab ż", min_size=1, max_size=4)
QUOTED = st.sampled_from(['"{}"', '"{}, {}"', '"{} ""{}"""', '"{}\n{}"', "{}", '""'])


@settings(deadline=None, max_examples=examples(40))
@given(st.lists(st.tuples(QUOTED, QUOTED, WORDS), min_size=1, max_size=7), st.integers(0, 6), st.integers(1, 2))
def test_an_unclosed_quote_anywhere_spoils_its_row_only(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, str, str]], broken: int, column: int
) -> None:
    """All rows after the broken one are read, whatever quoted cells follow."""
    broken %= len(table)
    rows = [
        [f"c{number}@example.com", first.format(word, word), second.format(word, word)]
        for number, (first, second, word) in enumerate(table)
    ]
    rows[broken] = [rows[broken][0], "a", "b"]
    rows[broken][column] = '"' + rows[broken][column]
    path = tmp_path_factory.getbasetemp() / "unclosed.csv"
    path.write_text("\n".join(",".join(cells) for cells in [["email", "name", "city"], *rows]), encoding="utf-8")
    taken, refused = rows_of(opened(path))
    others = [cells[0] for number, cells in enumerate(rows) if number != broken]
    assert [body["contact"]["email"] for body in taken.values()] == others
    assert len(refused) == 1


async def outcomes_of(sm: SalesManago, given: Any, **options: Any) -> list[Outcome]:
    async with sm.contacts.upserting(given, **options) as outcomes:
        found = [outcome async for outcome in outcomes]
    report = outcomes.report
    settled = report.accepted + report.submitted + report.rejected + report.in_doubt + report.not_sent
    assert report.read == settled == len(found)
    return sorted(found, key=lambda outcome: outcome.position)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "accepted", "rejected"),
    [
        ("damaged-bytes.csv", [2, 3, 5, 6], [4]),
        ("bad-fields.csv", [2, 8], [3, 4, 5, 6, 7]),
        ("unclosed-quote.csv", [2, 4, 5, 6, 8], [3]),
        ("broken.jsonl", [1, 9, 11], [2, 4, 5, 6, 7, 8, 10]),
        ("header-only.csv", [], []),
    ],
)
async def test_a_run_over_a_file_ends_with_every_row_in_its_state(
    sm: SalesManago, name: str, accepted: list[int], rejected: list[int]
) -> None:
    found = await outcomes_of(sm, NASTY / name)
    assert [outcome.line for outcome in found if outcome.state == "accepted"] == accepted
    assert [outcome.line for outcome in found if outcome.state == "rejected"] == rejected
    assert [outcome.position for outcome in found] == list(range(len(found)))
    assert {outcome.file for outcome in found} <= {str(NASTY / name)}
    assert all(outcome.reason for outcome in found if outcome.state == "rejected")
    records = records_of(opened(NASTY / name))
    assert [outcome.record for outcome in found] == [records[line] for line in sorted(records)]


@pytest.mark.anyio
async def test_the_server_gets_the_content_of_the_file(sm: SalesManago) -> None:
    await sm.contacts.upsert_many(NASTY / "diacritics.csv")
    (lucja,) = await sm.contacts.get(["łucja@example.com"])
    assert (lucja.name, lucja.city) == ("Łucja Żółć", "Łódź")


@pytest.mark.anyio
async def test_1001_rows_are_two_requests_and_no_row_is_lost(sm: SalesManago, tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text("\n".join(["email", *(f"c{number}@example.com" for number in range(1001))]))
    found = await outcomes_of(sm, path)
    assert [(outcome.state, outcome.line) for outcome in found] == [("accepted", line) for line in range(2, 1003)]
    assert len({outcome.request_id for outcome in found}) == 2
    assert found[1000].record == {"email": "c1000@example.com"}


@pytest.mark.anyio
async def test_a_bad_record_of_the_program_stops_nothing(sm: SalesManago) -> None:
    async def records() -> AsyncIterator[Any]:
        for record in mixed:
            yield record

    mixed = [
        Contact(email="ann@example.com"),
        None,
        {
            "contact": {"email": "bob@example.com"},
            "dictionaryProperties": [{"name": "shoe", "type": "NUMBER", "value": 42}],
        },
        {"email": "cy@example.com", "relation": {"type": "CHILD"}},
        {"email": "dan@example.com", 5: "x"},
        Contact(email="eve@example.com", name="\udcaf"),
        Contact(email="fay@example.com"),
    ]
    for source in (mixed, records()):
        found = await outcomes_of(sm, source)
        assert [outcome.record for outcome in found] == mixed
        assert [outcome.line for outcome in found] == [None] * len(mixed)
        states = [outcome.state for outcome in found]
        assert states == ["accepted", "rejected", "accepted", "rejected", "rejected", "rejected", "accepted"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "name", ["empty.csv", "binary.csv", "duplicate-header.csv", "unknown-column.csv", "missing.csv"]
)
async def test_a_run_over_an_unusable_file_is_refused_before_anything_is_sent(sm: SalesManago, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        await sm.contacts.upsert_many(NASTY / name)
    assert caught.value.field == str(NASTY / name)


def test_a_trailing_delimiter_is_accepted_but_a_cell_without_a_name_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("email,name,\nann@example.com,Ann,\nbob@example.com,Bob,x\n")
    found, reasons = rows_of(opened(path))
    assert list(found) == [2]
    assert "column 3, which has no name" in reasons[3]
