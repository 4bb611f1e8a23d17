"""Reads a posted form. A form is a MIME message without its first lines, so the standard mail parser can read it."""

from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import cast

from ._refusal import RefusedCall


def read_form(content_type: str, content: bytes) -> dict[str, bytes]:
    """Return the parts of a form by their names; a part that is itself a message becomes empty."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=HTTP).parsebytes(head + content)
    if not message.is_multipart() or message.defects:
        raise RefusedCall("malformed form", status=400)
    parts = cast("list[Message]", message.get_payload())
    return {
        str(part.get_param("name", header="content-disposition")): cast("bytes | None", part.get_payload(decode=True))
        or b""
        for part in parts
    }
