"""The simulator as a file host, over a real socket: whole files, and parts of the right version (RFC 9110)."""

import json
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from zipfile import ZipFile

import pytest
from attrs import frozen

from tests.conftest import EPOCH
from tests.simulator.sockets import BATCH, Served, serving


@frozen
class Got:
    """An answer, from urllib."""

    status: int
    headers: Any
    body: bytes


def get(address: str, method: str = "GET", **headers: str) -> Got:
    asked = {name.replace("_", "-"): text for name, text in headers.items()}
    try:
        with urlopen(Request(address, headers=asked, method=method), timeout=20) as answer:
            return Got(answer.status, answer.headers, answer.read())
    except HTTPError as refused:
        with refused:
            return Got(refused.code, refused.headers, refused.read())


@frozen
class HostedFile:
    """A file of a served simulator: its URL, its bytes, and its validators."""

    address: str
    content: bytes
    etag: str


@pytest.fixture(scope="module")
def host() -> Iterator[Served]:
    with serving(clock=lambda: EPOCH + 0.75) as served:
        yield served


@pytest.fixture(scope="module")
def file(host: Served) -> HostedFile:
    address = host.address(host.link(contacts=3))
    whole = get(address)
    return HostedFile(address, whole.body, whole.headers["ETag"])


def test_a_file_has_its_headers(file: HostedFile) -> None:
    whole = get(file.address)
    assert whole.status == 200
    assert len(json.loads(whole.body)) == 3
    assert whole.headers["Content-Length"] == str(len(whole.body))
    assert whole.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert parsedate_to_datetime(whole.headers["Last-Modified"]).timestamp() == EPOCH
    assert whole.headers["ETag"].startswith('"')
    assert whole.headers["ETag"].endswith('"')


def test_an_archive_has_its_media_type(host: Served) -> None:
    whole = get(host.address(host.link_to_archive()))
    assert whole.headers["Content-Type"] == "application/zip"
    with ZipFile(BytesIO(whole.body)) as archive:
        assert [json.loads(archive.read(name)) for name in archive.namelist()]


def test_a_head_request_gets_the_headers(file: HostedFile) -> None:
    whole = get(file.address)
    head = get(file.address, "HEAD", Range="bytes=1-2")
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Last-Modified", "Accept-Ranges"):
        assert head.headers[name] == whole.headers[name]


def test_a_connection_is_used_again_after_a_head(host: Served, file: HostedFile) -> None:
    path = file.address.removeprefix(host.address(""))
    lines = b"HEAD %b HTTP/1.1\r\nHost: h\r\n\r\nGET %b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    assert host.say(lines % (path.encode(), path.encode())).endswith(b"\r\n\r\n" + file.content)


def test_equal_files_have_equal_etags_and_others_differ(host: Served, file: HostedFile) -> None:
    assert get(file.address).headers["ETag"] == file.etag
    assert get(host.address(host.link(contacts=3))).headers["ETag"] == file.etag, "the same bytes by another link"
    assert get(host.address(host.link(contacts=4))).headers["ETag"] != file.etag


# Parts


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-9", 0, 10),
        ("bytes=10-10", 10, 11),
        ("bytes=10-", 10, None),
        ("bytes=0-", 0, None),
        ("BYTES=10-19", 10, 20),
        ("bytes=10-999999", 10, None),
        ("bytes=010-019", 10, 20),
        ("bytes=-1", -1, None),
        ("bytes=-20", -20, None),
        ("bytes=-999999", 0, None),
    ],
)
def test_the_requested_part_is_sent(file: HostedFile, asked: str, start: int, end: int | None) -> None:
    part = get(file.address, Range=asked)
    assert part.status == 206
    assert part.body == file.content[start:end]
    length = len(file.content)
    first = start % length
    assert part.headers["Content-Range"] == f"bytes {first}-{first + len(part.body) - 1}/{length}"
    assert part.headers["Content-Length"] == str(len(part.body))
    assert part.headers["ETag"] == file.etag
    assert part.headers["Content-Type"] == "application/json;charset=UTF-8"


def test_the_last_byte_can_be_requested_but_none_after_it(file: HostedFile) -> None:
    length = len(file.content)
    last = get(file.address, Range=f"bytes={length - 1}-")
    assert (last.status, last.body) == (206, file.content[-1:])
    for asked in (f"bytes={length}-", f"bytes={length}-{length + 9}", "bytes=-0"):
        beyond = get(file.address, Range=asked)
        assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{length}")
        assert beyond.headers["ETag"] is None


@pytest.mark.parametrize(
    "asked",
    ["bytes=5-4", "bytes=", "bytes=-", "bytes=a-b", "bytes=1", "bytes", "lines=1-2", "bytes=1-2,4-5", "bytes=1-2-3",
     "bytes=-1-2", "bytes=+1-2", "bytes=1.5-2", "bytes=0-" + "9" * 30, "bytes=\u0661-"],
)  # fmt: skip
def test_malformed_and_multiple_ranges_are_ignored(file: HostedFile, asked: str) -> None:
    whole = get(file.address, Range=asked.encode().decode("latin-1"))
    assert (whole.status, whole.body, whole.headers["Content-Range"]) == (200, file.content, None)


def test_a_part_is_of_the_requested_version(file: HostedFile) -> None:
    same = get(file.address, Range="bytes=10-", If_Range=file.etag)
    assert (same.status, same.body) == (206, file.content[10:])


@pytest.mark.parametrize("version", ['"another"', "W/{etag}", "{date}", "", "nonsense"])
def test_no_part_of_another_version_is_sent(file: HostedFile, version: str) -> None:
    """A weak ETag, or a date, does not identify it either: a date is in whole seconds."""
    date = get(file.address).headers["Last-Modified"]
    whole = get(file.address, Range="bytes=10-", If_Range=version.format(etag=file.etag, date=date))
    assert (whole.status, whole.body) == (200, file.content)


def test_if_range_without_a_range_is_ignored(file: HostedFile) -> None:
    assert get(file.address, If_Range='"another"').status == 200


def test_all_parts_together_are_the_file(file: HostedFile) -> None:
    length = len(file.content)
    parts = [get(file.address, Range=f"bytes={at}-{at + 99}").body for at in range(0, length, 100)]
    assert b"".join(parts) == file.content


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_files_are_only_read(file: HostedFile, method: str) -> None:
    assert get(file.address, method).status == 405


def test_an_unknown_link_has_no_part(host: Served) -> None:
    assert get(host.address("/files/nosuch.json"), Range="bytes=1-2").status == 404


def test_a_file_has_the_date_of_its_job() -> None:
    times = [EPOCH]
    with serving(clock=lambda: times[0]) as served:
        path = served.link(contacts=1)
        times[0] += 60
        made = get(served.address(path)).headers["Last-Modified"]
    assert parsedate_to_datetime(made).timestamp() == EPOCH


def test_a_restored_account_has_the_same_file_versions(tmp_path: Any) -> None:
    etags: list[str] = []
    for _ in range(2):
        with serving(clock=lambda: EPOCH, state=tmp_path / "account.db") as served:
            if not etags:
                served.ask(BATCH, {"upsertDetails": [{"contact": {"email": "a@example.com"}}]})
            number = 1
            etags.append(get(served.address(served.link_of(number))).headers["ETag"])
            served.simulator.close()
    assert etags[0] == etags[1]
