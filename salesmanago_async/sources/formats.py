"""The format of a file: given by option, or by its suffix, and compared with what the file begins with."""

import re
from pathlib import Path

import orjson

from ..errors import Invalid
from .content import STDIN, can_be_read_once_only
from .options import FileFormat

SUFFIXES: dict[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".xml": "xml",
}
_REMEDIES = {
    **dict.fromkeys((".xls", ".xlsb", ".xlsm", ".ods", ".numbers"), "save it as .xlsx or .csv"),
    **dict.fromkeys((".zip", ".7z", ".rar", ".bz2", ".xz", ".zst", ".tar", ".tgz"), "unpack it first"),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3"), "export its table as CSV"),
}
_FORMAT_OF_ROWS: dict[FileFormat, FileFormat] = {"json": "jsonl", "parquet": "jsonl", "xlsx": "csv", "xml": "jsonl"}
_MAGIC = {
    b"PAR1": 'is a Parquet file; give format="parquet"',
    b"PK\x03\x04": 'is a zip file: unpack it, or if it is an Excel workbook, give format="xlsx"',
    b"\xd0\xcf\x11\xe0": "is an old or encrypted Excel workbook; save it as .xlsx or .csv",
    b"%PDF": "is a PDF",
    b"BZh": "is packed by bzip2; unpack it first",
    b"\xfd7zXZ": "is packed by xz; unpack it first",
    b"\x28\xb5\x2f\xfd": "is packed by zstd; unpack it first",
    b"SQLite format 3": "is an SQLite database; export its table as CSV",
    b"<?xml": 'is XML; if it is a product feed, give format="xml"',
    b"\xef\xbb\xbf<?xml": 'is XML; if it is a product feed, give format="xml"',
}
_WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|table)\b", re.IGNORECASE)
_TALL_OBJECT = re.compile(r'\s*\{\s*(?:"[^"\n]*"\s*:\s*[\[{]\s*)?\n')
"""The beginning of an object that goes over several lines."""


def format_of(path: Path, given: FileFormat | None) -> FileFormat:
    """Return the format of a file; raise `Invalid` if its suffix does not say it.

    The suffix `.gz` is ignored: whether a file is packed is decided by its first bytes.
    """
    if given:
        return given
    suffix = _suffix(path)
    if path == STDIN or (suffix not in SUFFIXES and can_be_read_once_only(path)):
        what = "is standard input" if path == STDIN else "is a pipe or a device"
        raise Invalid(f'{what}; say what it contains, for example format="csv"', field=str(path))
    if path.is_dir():
        raise Invalid("is a folder; give its files one by one", field=str(path))
    if remedy := _REMEDIES.get(suffix):
        raise Invalid(f"{suffix} files cannot be read; {remedy}", field=str(path))
    if suffix not in SUFFIXES:
        known = f"supported are {', '.join(SUFFIXES)}, each also with .gz"
        raise Invalid(f'has an unknown suffix; {known}; or give its format, for example format="csv"', field=str(path))
    return SUFFIXES[suffix]


def suffix_of_rows(path: Path, given: FileFormat | None = None) -> str:
    """Return the suffix of a file that rows of this input are written to, as they came.

    Rows of Excel workbooks are written as CSV, those of Parquet files, JSON arrays and XML as JSON lines.
    """
    found = format_of(path, given)
    written = _FORMAT_OF_ROWS.get(found, found)
    own = Path(path.name[:-3] if path.name.lower().endswith(".gz") else path.name).suffix
    return own if SUFFIXES.get(own.lower()) == written else f".{written}"


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def check_is_text(beginning: bytes) -> None:
    """Raise `Invalid` if a text file begins like a file of another kind."""
    for magic, rule in _MAGIC.items():
        if beginning.startswith(magic):
            raise Invalid(rule)
    if _WEB_PAGE.match(beginning):
        raise Invalid("is a web page, not a table of data; such as one that asks to log in, or a download that failed")


def check_looks_like(text: str, expected: FileFormat) -> None:
    """Raise `Invalid` if the beginning of a text file looks like another format than the expected one."""
    found = _looks_like(text)
    names = {"csv": "CSV", "jsonl": "JSON lines", "json": "a JSON array"}
    if expected == "jsonl" and _TALL_OBJECT.match(text):
        raise Invalid(
            "begins with an object over several lines; give each in one line, or an array of objects as .json"
        )
    if (found, expected) == ("jsonl", "json"):
        remedy = 'if it has an object in each line, give format="jsonl"; a single object must be put into an array'
        raise Invalid(f"looks like JSON lines; {remedy}")
    if found and found != expected:
        raise Invalid(f'looks like {names[found]}; if it is, give format="{found}"')


def _looks_like(text: str) -> FileFormat | None:
    """Return the format that a text begins like; None if that is not clear."""
    lines = [line for line in map(str.strip, text.split("\n")[:20]) if line]
    if not lines:
        return None
    if re.match(r"\[\s*(\{|\]|$)", lines[0]):
        return "json"
    if re.match(r'\{\s*["}]', lines[0]):
        return "jsonl"
    if not any(line.startswith(("{", "[")) for line in lines) and re.search(r"[^\W\d_]", lines[0]):
        return None if _is_json(lines[0]) else "csv"
    return None


def _is_json(line: str) -> bool:
    try:
        orjson.loads(line.encode("utf-8", "replace"))
    except orjson.JSONDecodeError:
        return False
    return True
