"""A file that has its name is complete."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async import Invalid
from salesmanago_async.exports.sinks import writing

RECORDS: list[Any] = [
    {"a": 1, "ł\n": [None, True, 2.5, {"b": '"\\},{'}]},
    "a text\nof \u2028 lines",
    17,
    None,
    [],
    {},
]

Read = Callable[[bytes], Any]


def names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def fail_midway(path: Path, error: BaseException) -> None:
    with writing(path) as write:
        write(RECORDS)
        raise error


def lines(content: bytes) -> list[Any]:
    return [json.loads(line) for line in content.split(b"\n")[:-1]]


@pytest.mark.parametrize(
    ("name", "read"), [("a.json", json.loads), ("a.JSON", json.loads), ("a.jsonl", lines), ("a b.ndjson", lines)]
)
@pytest.mark.parametrize(
    "batches", [[], [[]], [RECORDS], [[record] for record in RECORDS], [[], RECORDS[:2], [], RECORDS[2:]]]
)
def test_what_is_written_is_read_back(tmp_path: Path, name: str, read: Read, batches: list[list[Any]]) -> None:
    with writing(tmp_path / name) as write:
        for batch in batches:
            write(batch)
    content = (tmp_path / name).read_bytes()
    assert read(content) == [record for batch in batches for record in batch]
    assert content.endswith(b"\n") or not any(batches)
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_no_file_has_the_name_before_it_is_complete(tmp_path: Path, name: str) -> None:
    with writing(tmp_path / name) as write:
        write(RECORDS)
        assert not (tmp_path / name).exists()
        assert len(names(tmp_path)) == 1
    assert (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize("error", [ValueError("midway"), KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_an_error_midway_leaves_nothing_behind(tmp_path: Path, name: str, error: BaseException) -> None:
    with pytest.raises(type(error)) as raised:
        fail_midway(tmp_path / name, error)
    assert raised.value is error
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_an_existing_file_is_replaced_only_when_the_new_one_is_complete(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("before")
    with pytest.raises(ValueError, match="midway"):
        fail_midway(path, ValueError("midway"))
    assert path.read_text() == "before"
    with writing(path) as write:
        write([1])
        assert path.read_text() == "before"
    assert json.loads(path.read_bytes()) in (1, [1])
    assert names(tmp_path) == [name]


def test_a_record_that_json_does_not_have_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TypeError), writing(tmp_path / "a.json") as write:
        write([1, {2, 3}])
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["a.xml", "a", "a.json.gz", ".json", "missing/a.json"])
def test_a_path_that_cannot_be_written_is_invalid_and_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid) as raised, writing(tmp_path / name):
        pass
    assert raised.value.field == str(tmp_path / name)
    assert names(tmp_path) == []
