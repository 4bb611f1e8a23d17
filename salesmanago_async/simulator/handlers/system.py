"""system/authorise: tokens in exchange for a password; a token signs calls in place of the secret until it expires."""

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
"""For a day, an expired token gets another refusal than a signature that was never valid."""


@define
class Tokens:
    """The issued tokens, by the time they expire (UNIX milliseconds), and the credentials needed for one."""

    client_id: str = ""
    password: str = ""
    lifetime_seconds: float = 0.0
    ends: dict[str, int] = field(factory=dict)

    def give(self, now_ms: int) -> tuple[str, int]:
        """Return a new token and the time it expires."""
        self.ends = {token: end for token, end in self.ends.items() if end + KEPT_MS > now_ms}
        token, end = token_hex(16), now_ms + int(self.lifetime_seconds * 1000)
        self.ends[token] = end
        return token, end

    def have_signed(self, body: Mapping[str, Any], now_ms: int) -> bool:
        """Return whether a token signed the body; refuse an expired token."""
        api_key, sha = str(body.get("apiKey")), str(body.get("sha")).encode()
        for token, end in self.ends.items():
            signer = Credentials(client_id=self.client_id, api_key=api_key, token=token)
            if compare_digest(signer.signature().encode(), sha):
                if end <= now_ms:
                    raise RefusedCall("Authorization failed. Wrong Token")
                return True
        return False


def authorise(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """system/authorise: all users of the account have the same password. [guess] the text for a wrong password."""
    tokens = store.section(Tokens)
    is_right = compare_digest(body["password"].encode(), tokens.password.encode())
    if body["userName"] not in store.owners or not is_right:
        raise RefusedCall("User not authenticated")
    token, end = tokens.give(store.now_ms())
    return {"token": token, "clientId": tokens.client_id, "validTo": end}


HANDLERS: dict[str, Handler] = {"system/authorise": authorise}
