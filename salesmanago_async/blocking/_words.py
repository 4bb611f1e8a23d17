"""The words of docstrings and messages for callers who write no `await`. Pure."""

import re

_ASYNC = re.compile(r"\basync (?=with\b|for\b)")
_AWAIT = re.compile(r"\bawait (?=\w)")


def without_await(text: str) -> str:
    """Return a docstring as it reads for the blocking client: `with` for `async with`, no `await`, `close`."""
    plain = _AWAIT.sub("", _ASYNC.sub("", text))
    for asynchronous, blocking in (
        ("an async iterator", "an iterator"),
        ("an async context manager", "a context manager"),
        ("aclose", "close"),
    ):
        plain = plain.replace(asynchronous, blocking)
    return plain
