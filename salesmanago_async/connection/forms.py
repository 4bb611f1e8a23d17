"""Encodes a form that holds a body and a file (multipart/form-data, RFC 7578). Pure: bytes in, bytes out."""

import mimetypes
import os
from collections.abc import Iterator

from ..support.hidden import HiddenBytes
from .wire import FormFile

_ESCAPED = str.maketrans({'"': "%22", "\\": "\\\\", **{chr(code): f"%{code:02X}" for code in range(32)}})
"""How these characters are written in a name."""


def encoded_form(body: bytes, file: FormFile) -> tuple[str, bytes]:
    """Return the content type and the bytes of a form, with the file first, as documented.

    The body has credentials, so the bytes are hidden from tracebacks with local variables, as the body is.
    """
    boundary = os.urandom(16).hex()
    return f"multipart/form-data; boundary={boundary}", HiddenBytes(b"".join(_lines(body, file, boundary.encode())))


def _lines(body: bytes, file: FormFile, boundary: bytes) -> Iterator[bytes]:
    kind = file.media_type or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    yield b"--%b\r\n%b; %b\r\nContent-Type: %b\r\n\r\n" % (
        boundary,
        _disposition(file.part),
        _parameter("filename", file.name),
        kind.encode(),
    )
    yield file.content
    yield b"\r\n--%b\r\n%b\r\n\r\n" % (boundary, _disposition(file.body))  # as in the sample: no name and no type
    yield body
    yield b"\r\n--%b--\r\n" % boundary


def _disposition(name: str) -> bytes:
    return b"Content-Disposition: form-data; " + _parameter("name", name)


def _parameter(name: str, value: str) -> bytes:
    return f'{name}="{value.translate(_ESCAPED)}"'.encode()
