"""A form with a file is encoded as httpx does it."""

import httpx
import pytest

from salesmanago_async.connection.forms import encoded_form
from salesmanago_async.connection.wire import FormFile

FILES = {
    "a type": FormFile("json", "file", "a.bin", b"\x00\xff", "text/x-own"),
    "a known name": FormFile("json", "file", "page.html", b"<p>", None),
    "an unknown name": FormFile("json", "file", "no suffix", b"", None),
    "odd characters": FormFile('b"o\\dy', "pa\nrt", 'ź "quoted"\r\n\\.csv', b"--\r\n", None),
}


@pytest.mark.parametrize("name", FILES)
def test_a_form_is_encoded_as_by_httpx(name: str) -> None:
    file = FILES[name]
    kind, content = encoded_form(b'{"a":1}', file)
    theirs = httpx.Request(
        "POST",
        "https://api.example.com",
        headers={"Content-Type": kind},
        files=[
            (file.part, (file.name, file.content, file.media_type)),
            (file.body, (None, b'{"a":1}', None)),
        ],
    )
    assert content == theirs.read()


def test_no_two_forms_have_the_same_boundary() -> None:
    assert len({encoded_form(b"{}", FILES["a type"])[0] for _ in range(10)}) == 10
