"""The credentials for the next request: permanent ones, or a token that is renewed before it expires.

One login serves all calls that need a token. The first call logs in; the others wait and share the result, a token or
an error, so that a wrong password is sent once and not by every call. The server decides whether a token is valid: a
token that it refuses is replaced, whatever the local clock says.
"""

import math
from collections.abc import Awaitable, Callable
from copy import copy
from typing import Any

import anyio
from attrs import define, field

from ..api.system import Authorise, Authorised
from ..errors import NotAuthenticated, SalesManagoError, Unreadable
from ..settings import Credentials, Login
from .wire import Post, prepare, read_answer

EARLY = 60.0
"""A token is renewed this many seconds before it expires, or at half of its lifetime if that is later."""

SendPost = Callable[[Post], Awaitable[dict[str, Any]]]


@define
class TokenSource:
    """Holds what the client was given, and the credentials that are valid now. `clock` is in seconds since 1970."""

    given: Credentials | Login
    clock: Callable[[], float] = field(repr=False)
    _current: Credentials | None = field(default=None, init=False, repr=False)
    _renew_at: float = field(default=math.inf, init=False, repr=False)
    _failure: SalesManagoError | None = field(default=None, init=False, repr=False)
    _logins: int = field(default=0, init=False, repr=False)
    _lock: anyio.Lock = field(factory=anyio.Lock, init=False, repr=False)

    @property
    def account(self) -> str:
        """The identity of the account: the client id, or the user name of the login."""
        return self.given.client_id if isinstance(self.given, Credentials) else self.given.user_name

    async def credentials(self, send: SendPost) -> Credentials:
        """Return the credentials for a request that is sent now; `send` posts the login request."""
        if isinstance(self.given, Credentials):
            return self.given
        while self._current is None or self.clock() >= self._renew_at:
            seen = self._logins
            async with self._lock:
                if self._logins == seen:  # no other call logged in while this one waited for the lock
                    await self._log_in(self.given, send)
            if self._failure:
                raise copy(self._failure) from self._failure  # a copy: notes that one caller adds must not reach others
        return self._current

    def replaces(self, used: Credentials | None, refusal: SalesManagoError) -> bool:
        """Forget the token that was refused; return whether a new one can help."""
        if isinstance(self.given, Credentials) or not isinstance(refusal, NotAuthenticated):
            return False
        if used is None or "owner" in str(refusal):
            return False
        if used is self._current:
            self._current = None
        return True

    async def _log_in(self, login: Login, send: SendPost) -> None:
        self._failure = None
        request = Authorise(login.user_name, password=login.password)
        try:
            self._accept(read_answer(request, await send(prepare(request, None))), login.api_key)
        except SalesManagoError as error:
            self._failure = error
        self._logins += 1

    def _accept(self, answer: Authorised, api_key: str) -> None:
        if not (answer.token and answer.client_id):
            raise Unreadable("system/authorise answered without token or clientId")
        self._current = Credentials(client_id=answer.client_id, api_key=api_key, token=answer.token)
        now = self.clock()
        left = answer.valid_to.timestamp() - now if answer.valid_to else 0.0
        # If no time is left at the start, the expiry is unknown or the local clock is wrong: the token is then used
        # until the server refuses it.
        self._renew_at = now + left - min(EARLY, left / 2) if left > 0 else math.inf
