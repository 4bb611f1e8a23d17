"""system/authorise: tokens in exchange for a password, which sign in the secret's place until they run out."""

from collections.abc import Mapping
from hmac import compare_digest
from secrets import token_hex
from typing import Any

from attrs import define, field

from ...settings import Credentials
from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore

KEPT_MS = 24 * 3600 * 1000
"""A token that ran out is told from a signature that never was right for a day."""


@define
class Tokens:
    """The tokens given out, by their end in UNIX milliseconds; and what is asked of who wants one."""

    client_id: str = ""
    password: str = ""
    lifetime_seconds: float = 0.0
    ends: dict[str, int] = field(factory=dict)

    def give(self, now_ms: int) -> tuple[str, int]:
        """Return a new token and its end."""
        self.ends = {token: end for token, end in self.ends.items() if end + KEPT_MS > now_ms}
        token, end = token_hex(16), now_ms + int(self.lifetime_seconds * 1000)
        self.ends[token] = end
        return token, end

    def have_signed(self, body: Mapping[str, Any], now_ms: int) -> bool:
        """Tell whether a token signed the body; refuse one that has run out."""
        api_key, sha = str(body.get("apiKey")), str(body.get("sha")).encode()
        for token, end in self.ends.items():
            signer = Credentials(client_id=self.client_id, api_key=api_key, token=token)
            if compare_digest(signer.signature().encode(), sha):
                if end <= now_ms:
                    raise RefusedCall("Authorization failed. Wrong Token")
                return True
        return False


def authorise(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """system/authorise: every user of the account has the same password. [guess] what is said of a wrong one."""
    tokens = store.room(Tokens)
    is_right = compare_digest(body["password"].encode(), tokens.password.encode())
    if body["userName"] not in store.owners or not is_right:
        raise RefusedCall("User not authenticated")
    token, end = tokens.give(store.now_ms())
    return {"token": token, "clientId": tokens.client_id, "validTo": end}


HANDLERS: dict[str, Handler] = {"system/authorise": authorise}
