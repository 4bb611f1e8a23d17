"""Rejected rows stand in their file byte for byte, and from there they are rejected again, for the same reasons.

What is expected is found in another way here: a reader of the standard library counts the lines of each row.
"""

import csv
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import examples
from tests.file_imports.rejecting import Rejected, in_substance, rejected


@frozen(kw_only=True)
class Form:
    """How a file is written, and with which options it is read."""

    encoding: str = "utf-8"
    mark: str = ""
    delimiter: str = ","
    line_end: str = "\n"
    options: dict[str, Any] = field(factory=dict)

    def bytes_of(self, lines: Sequence[str], *, ends: bool) -> bytes:
        return self.encoded(self.mark + self.line_end.join(lines) + (self.line_end if ends else ""))

    def encoded(self, text: str) -> bytes:
        return text.encode(self.encoding, "surrogateescape")

    def lines_of(self, content: bytes) -> list[str]:
        return LINES.findall(content.decode(self.encoding, "surrogateescape"))

    @property
    def mark_of_rejects(self) -> str:
        """UTF-16 that was detected without a mark gets one."""
        return "\ufeff" if self.encoding == "utf-16-le" else self.mark


LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
ENCODINGS: list[dict[str, Any]] = [
    {},
    {"mark": "\ufeff"},
    {"encoding": "utf-16-le", "mark": "\ufeff"},
    {"encoding": "utf-16-be", "mark": "\ufeff"},
    {"encoding": "utf-16-le"},
    {"encoding": "cp1250", "options": {"encoding": "cp1250"}},
    {"encoding": "utf-16-be", "options": {"encoding": "utf-16-be"}},
    {"encoding": "utf-16-be", "mark": "\ufeff", "options": {"encoding": "utf-16"}},
]


def is_encodable(text: str, encoding: str) -> bool:
    try:
        return text.encode(encoding, "surrogateescape").decode(encoding, "surrogateescape") == text
    except UnicodeError:
        return False


# CSV

HEADER = ["email", "name", "properties.note"]
TEXTS = st.text(st.sampled_from("ab,;|\t\"' \r\n=~^ąłŻ\u00a01"), max_size=6)
DELIMITERS = [(",", False), (";", False), ("\t", False), ("|", False), ("^", True), (";", True)]
"""Delimiters, and whether a line `sep=` names them."""


@st.composite
def cells(draw: st.DrawFn, form: Form, text: str) -> str:
    """The text of a cell, in quotes if need be or by chance, and perhaps after a space."""
    if draw(st.booleans()) or any(character in text for character in (form.delimiter, '"', "\n", "\r")):
        text = '"' + text.replace('"', '""') + '"'
    space = "" if form.options.get("keep_spaces") else draw(st.sampled_from(["", "", " "]))
    return space + text


@st.composite
def rows(draw: st.DrawFn, form: Form) -> str:
    """A row that is good, or wrong in one of the ways in which rows are wrong."""
    kind = draw(st.sampled_from(["good", "bad", "short", "long", "nul", "damaged", "open", "stray", "blank"]))
    email = "ann@example.com" if kind == "good" else draw(st.sampled_from(["nobody", "ann@", "x y"]))
    row = [draw(cells(form, text)) for text in (email, draw(TEXTS), draw(TEXTS))]
    match kind:
        case "short":
            del row[draw(st.integers(1, 2)) :]
        case "long":
            row += [draw(cells(form, draw(st.sampled_from(["", "", "more"])))) for _ in range(draw(st.integers(1, 3)))]
        case "nul":
            row[1] = "A\0n"
        case "damaged" if is_encodable("\udc81", form.encoding) and form.line_end != "\r":
            row[1] = "A\udc81n"
        case "open":
            row[1] = '"open' + draw(st.sampled_from(["", '""', " x"]))
        case "stray":
            row[1] = '"a"b'
        case "blank":
            row = [""]
        case _:
            pass
    return form.delimiter.join(row)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Form, bytes]:
    """A file of CSV: how it is written, and its bytes."""
    found = draw(st.sampled_from(ENCODINGS))
    (delimiter, is_named), options = draw(st.sampled_from(DELIMITERS)), dict(found.get("options", {}))
    if draw(st.booleans()):
        options["keep_spaces"] = True
    if draw(st.sampled_from([False, False, True])):
        delimiter, is_named, options["delimiter"] = "~", False, "~"
    line_end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    form = Form(**{**found, "options": options, "delimiter": delimiter, "line_end": line_end})
    before = [f"sep={delimiter}"] if is_named else draw(st.sampled_from([[], [""]]))
    header = delimiter.join(f'"{name}"' if draw(st.booleans()) else name for name in HEADER)
    good = [delimiter.join(["bob@example.com", "Żółć", ""])] * 12  # so that a damaged row does not spoil the file
    lines = [*before, header, *good, *draw(st.lists(rows(form), min_size=1, max_size=12))]
    return form, form.bytes_of(lines, ends=draw(st.booleans()))


def text_of(lines: Sequence[str], found: Rejected, form: Form) -> str:
    """Return the text of a row: as many lines as a reader takes for it, or the first if its quotes are wrong."""
    rest = lines[found.line - 1 :]
    if in_substance(found.reason) == "an open quote":
        return rest[0]
    spaces = not form.options.get("keep_spaces")
    reader = csv.reader(rest, delimiter=form.delimiter, strict=True, skipinitialspace=spaces)
    next(reader)
    return "".join(rest[: reader.line_num])


def row_with_notes(text: str, first: Rejected, found: Rejected, form: Form) -> str:
    """Return a row as it is written; `first` is the row of the input, `found` that of the file it was read from."""
    content = text.rstrip("\r\n")
    missing = 0 if isinstance(first.record, str) else max(0, len(HEADER) - len(first.record))
    reason = found.reason.encode(form.encoding, "backslashreplace").decode(form.encoding).replace('"', '""')
    notes = f'{form.delimiter * (missing + 1)}{found.line}{form.delimiter}"{reason}"'
    return content + notes + (text[len(content) :] or form.line_end)


@pytest.mark.ci
@given(tables())
@settings(max_examples=examples(300), deadline=None)
def test_rows_of_csv_stand_there_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[Form, bytes]
) -> None:
    form, content = table
    folder = tmp_path_factory.mktemp("csv")
    given, rejects, again = (folder / name for name in ("a.csv", "r.csv", "s.csv"))
    given.write_bytes(content)
    found = rejected(given, rejects, **form.options)
    found_again = rejected(rejects, again, **form.options)
    assert [in_substance(each.reason) for each in found_again] == [in_substance(each.reason) for each in found]

    lines = form.lines_of(content)
    texts = [text_of(lines, each, form) for each in found]
    length = next(number for number, line in enumerate(lines, 1) if "email" in line)
    header = "".join(lines[:length]).removeprefix(form.mark).rstrip("\r\n")
    header = form.mark_of_rejects + form.delimiter.join([header, "_line", "_reason"]) + form.line_end
    for path, written in ((rejects, found), (again, found_again)):
        expected = map(row_with_notes, texts, found, written, [form] * len(found))
        assert path.read_bytes() == form.encoded(header + "".join(expected))


# JSON lines

OBJECTS = [
    '{"email":"nobody"}',
    '{ "email" : "nobody" , "name" : "Ann" } ',
    '  {"name":"\\u017b\\/x","email":"a b","properties":{"b":1.50,"a":1e2}}\t',
    '{"email":"nobody","name":"Żółć","externalId":12345678901234567890123}',
    '{"email":"x","email":"nobody"}',
    "{}",
    "{ }",
    '{"email":"nobody","unknown":{"_line":5}}',
    '{"email":"nobody","name":"}"}',
    '{"_text":"{}","email":"nobody"}',
    '{"_text":5}',
    '{"email":"ann@example.com","name":"good"}',
]
OTHERS = [
    '{"email":"ann@example.com"',
    '{"email":"ann@example.com",}',
    '{"email":"ann@example.com',
    "{broken}",
    "[1, 2.0]",
    '"email"',
    '"ann\\u0105"',
    "5.0",
    "null",
    '{"email":"\\ud83d"}',
    '{"email":"a\0b"}',
    '{"email":NaN}',
    "\ufeff{}",
    'x"y\\z',
]
UNDECODABLE = ['{"email":"\udcff"}', "\udc81 5", '{"_text":"\udcff"}']


@st.composite
def files_of_lines(draw: st.DrawFn) -> tuple[Form, list[str], bytes]:
    """A file of JSON lines: how it is written, its lines, and its bytes."""
    found = draw(st.sampled_from(ENCODINGS))
    mapped = {"columns": {"mail": "email"}} if draw(st.booleans()) else {}
    options = {**found.get("options", {}), **mapped}
    form = Form(**{**found, "options": options, "line_end": draw(st.sampled_from(["\n", "\r\n"]))})
    texts = [text for text in (*OBJECTS, *OTHERS, *UNDECODABLE) if is_encodable(text, form.encoding)]
    good = ['{"email":"bob@example.com","name":"Żółć"}'] * 12
    lines = [*good, *draw(st.lists(st.sampled_from(["", " ", *texts]), min_size=1, max_size=8))]
    return form, lines, form.bytes_of(lines, ends=draw(st.booleans()))


def line_with_notes(line: str, first: Rejected, found: Rejected, line_end: str) -> str:
    """Return a line as it is written: the notes are before the last brace; what is no object is a text."""
    notes = {"_line": found.line, "_reason": found.reason}
    if isinstance(first.record, dict):
        before, _, after = line.rpartition("}")
        return f"{before}{',' if first.record else ''}{compact(notes)[1:]}{after}{line_end}"
    if "\udc80" <= max(line) <= "\udcff":
        return json.dumps({"_text": line, **notes}) + "\n"
    return compact({"_text": line, **notes}) + "\n"


def compact(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@given(files_of_lines())
@settings(max_examples=examples(300), deadline=None)
def test_json_lines_stand_there_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[Form, list[str], bytes]
) -> None:
    form, lines, content = file
    folder = tmp_path_factory.mktemp("jsonl")
    given, rejects, again = (folder / name for name in ("a.jsonl", "r.jsonl", "s.jsonl"))
    given.write_bytes(content)
    found = rejected(given, rejects, **form.options)
    found_again = rejected(rejects, again, **form.options)
    assert [each.reason for each in found_again] == [each.reason for each in found]

    has_end = [*[True] * (len(lines) - 1), content.endswith(form.encoded(form.line_end))]
    for path, written in ((rejects, found), (again, found_again)):
        expected = form.mark_of_rejects
        for first, each in zip(found, written, strict=True):
            line_end = form.line_end if has_end[first.line - 1] else "\n"
            expected += line_with_notes(lines[first.line - 1], first, each, line_end)
        assert path.read_bytes() == form.encoded(expected)
