"""Which part of a file is requested, and which answers are accepted."""

import pytest

from salesmanago_async.exports._byte_ranges import UNKNOWN, ByteRange, Version, range_in, resume_headers

ONE = Version('"one"', 100)
WITHOUT_LENGTH = Version('"one"')
RIGHT = {"content-range": "bytes 40-99/100", "etag": '"one"'}


def test_the_rest_of_a_known_version_is_requested() -> None:
    assert resume_headers(40, ONE) == {
        "Range": "bytes=40-",
        "If-Range": '"one"',
        "Accept-Encoding": "identity",
    }


@pytest.mark.parametrize(("length", "version"), [(0, ONE), (40, UNKNOWN), (40, Version(None, 100))])
def test_the_whole_file_is_requested_if_its_version_is_unknown(length: int, version: Version) -> None:
    assert resume_headers(length, version) == {}


@pytest.mark.parametrize("version", [ONE, WITHOUT_LENGTH])
def test_the_right_part_is_accepted(version: Version) -> None:
    assert range_in(206, RIGHT, 40, version) == ByteRange(ONE, 40, 100)
    shorter = {**RIGHT, "content-range": "bytes 40-59/100"}
    assert range_in(206, shorter, 40, version) == ByteRange(ONE, 40, 60)


WRONG = {
    "another start": {"content-range": "bytes 39-99/100"},
    "the beginning": {"content-range": "bytes 0-99/100"},
    "an end past the end": {"content-range": "bytes 40-100/100"},
    "an end before the start": {"content-range": "bytes 40-39/100"},
    "another total": {"content-range": "bytes 40-100/101"},
    "no total": {"content-range": "bytes 40-99/*"},
    "another unit": {"content-range": "lines 40-99/100"},
    "two ranges": {"content-range": "bytes 40-59/100, bytes 60-99/100"},
    "no range": {"content-range": ""},
    "nonsense": {"content-range": "bytes forty-99/100"},
    "another version": {"etag": '"two"'},
    "a weak version": {"etag": 'W/"one"'},
    "no version": {"etag": ""},
    "packed": {"content-encoding": "gzip"},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_part_is_not_accepted(wrong: str) -> None:
    assert range_in(206, {**RIGHT, **WRONG[wrong]}, 40, ONE) is None


@pytest.mark.parametrize("status", [200, 206])
def test_a_part_that_was_not_requested_is_not_accepted(status: int) -> None:
    part = range_in(status, RIGHT, 40, Version(None, 100))
    assert part == (ByteRange(ONE, 0, 100) if status == 200 else None)


@pytest.mark.parametrize("status", [204, 302, 304, 400, 416, 500])
def test_other_answers_hold_no_part(status: int) -> None:
    assert range_in(status, RIGHT, 40, ONE) is None


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ({}, UNKNOWN),
        ({"content-length": "7"}, Version(None, 7)),
        ({"content-length": "0"}, Version(None, 0)),
        ({"content-length": "seven"}, UNKNOWN),
        ({"etag": '"a-1.b"', "content-length": "7"}, Version('"a-1.b"', 7)),
        ({"etag": 'W/"a"'}, UNKNOWN),
        ({"etag": "a"}, UNKNOWN),
        ({"etag": '""'}, UNKNOWN),
        ({"etag": '"a", "b"'}, UNKNOWN),
        ({"etag": '"a"', "accept-ranges": "bytes"}, Version('"a"')),
        ({"etag": '"a"', "accept-ranges": "none"}, UNKNOWN),
        ({"etag": '"a"', "content-length": "7", "content-encoding": "gzip"}, UNKNOWN),
        ({"etag": '"a"', "content-length": "7", "content-encoding": "identity"}, Version('"a"', 7)),
    ],
)
def test_what_an_answer_says_about_the_whole_file(headers: dict[str, str], version: Version) -> None:
    assert range_in(200, headers, 0, UNKNOWN) == ByteRange(version, 0, version.total)


def test_a_promised_length_stays_promised() -> None:
    assert range_in(200, {}, 40, ONE) == ByteRange(Version(None, 100), 0, 100)
    assert range_in(200, {"content-length": "90"}, 40, ONE) == ByteRange(Version(None, 90), 0, 90)
