"""Shows what the simulator received and answered without secrets: they are known by their names and by their values."""

import re
from typing import Any

import orjson

from ..api.request import without_secrets
from ..settings import Credentials
from ._store import AccountStore
from .handlers.system import Tokens
from .products.account import ProductAccount

_LINK = re.compile(r"/files/[\w-]+")
_SHORTEST = 4
"""A shorter secret is masked by its name only: its value may be a part of any word."""


class Masking:
    """Replaces secrets of an account in texts and JSON."""

    def __init__(self, credentials: Credentials, store: AccountStore) -> None:
        self._credentials = credentials
        self._store = store

    def json(self, value: Any) -> str:
        """Return a JSON value as indented text without secrets."""
        return self.text(orjson.dumps(without_secrets(value), option=orjson.OPT_INDENT_2).decode())

    def text(self, text: str) -> str:
        """Return a text without the values of secrets, and without links to files."""
        for secret in self._secrets():
            text = text.replace(secret, "…")
        return _LINK.sub("/files/…", text)

    def _secrets(self) -> list[str]:
        """Return what is secret, the longest first, as one may be a part of another."""
        mine, tokens = self._credentials, self._store.section(Tokens)
        account = (mine.client_id, mine.api_key, mine.api_secret, mine.sha, mine.token, mine.signature())
        keys = self._store.section(ProductAccount).keys
        others = (tokens.password, *tokens.ends, *keys, *(key.webhook_url for key in keys.values()))
        found = {secret for secret in (*account, *others) if secret and len(secret) >= _SHORTEST}
        return sorted(found, key=len, reverse=True)
