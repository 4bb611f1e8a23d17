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
    """The issued tokens, by the time they expire (UNIX milliseconds), and the credentials needed for one.

    `proof` is the account's secret, or what stands for it.
    """

    client_id: str = ""
    proof: str = ""
    password: str = ""
    lifetime_seconds: float = 0.0
    ends: dict[str, int] = field(factory=dict)

    def give(self, now_ms: int) -> tuple[str, int]:
        """Return a new token and the time it expires."""
        self.ends = {token: end for token, end in self.ends.items() if end + KEPT_MS > now_ms}
        token, end = token_hex(16), now_ms + int(self.lifetime_seconds * 1000)
        self.ends[token] = end
        return token, end

    def log_in(self, store: AccountStore, user: str, password: str) -> tuple[str, int]:
        """Return a new token and its end. All users of the account have the same password. [guess] the refusal."""
        is_right = compare_digest(password.encode(), self.password.encode())
        if user not in store.owners or not is_right:
            raise RefusedCall("User not authenticated")
        return self.give(store.now_ms())

    def is_valid(self, token: str, now_ms: int) -> bool:
        """Return whether a token was given, and has not expired."""
        return self.ends.get(token, 0) > now_ms

    def signature_for(self, api_key: str) -> str:
        """Return the sha that signs calls together with an API key."""
        return Credentials(client_id=self.client_id, api_key=api_key, api_secret=self.proof).signature()

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
    """system/authorise."""
    tokens = store.section(Tokens)
    token, end = tokens.log_in(store, body["userName"], body["password"])
    return {"token": token, "clientId": tokens.client_id, "validTo": end}


HANDLERS: dict[str, Handler] = {"system/authorise": authorise}
