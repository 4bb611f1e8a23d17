"""Wording of messages: counts with their nouns, and network errors without the class names of the HTTP library."""

import re

_NETWORK = {
    "ConnectError": "no connection could be made",
    "ConnectTimeout": "no connection could be made in time",
    "ReadError": "the connection was lost",
    "ReadTimeout": "no answer came in time",
    "WriteError": "the connection was lost while the request was sent",
    "WriteTimeout": "the request could not be sent in time",
    "RemoteProtocolError": "the connection ended before the whole answer had arrived",
}
_SAYS_NOTHING = " (All connection attempts failed)"
_FAILED = re.compile(rf"\b({'|'.join(_NETWORK)})\b")


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: "1 row", "2,000 rows"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def in_plain_words(text: str) -> str:
    """Return the text of an error with the class names of the HTTP library replaced; the details stay."""
    return _FAILED.sub(lambda found: _NETWORK[found[1]], text.replace(_SAYS_NOTHING, ""))
