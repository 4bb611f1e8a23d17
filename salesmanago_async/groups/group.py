"""`Group`, the base class of the groups, and `call`, which turns a request class into a method."""

import inspect
import re
from collections.abc import Callable, Coroutine
from functools import cached_property
from typing import Any, Generic, ParamSpec, TypeVar, cast, get_type_hints, overload

from ..api.request import Request, answer_type
from ..connection.connection import Connection

P = ParamSpec("P")
AnswerT = TypeVar("AnswerT")


class Group:
    """A group of related calls on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection


def _attribute_of(group: type) -> str:
    """Return the name of a group as an attribute of a client: `web_push` for `WebPush`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", group.__name__).lower()


class call(Generic[P, AnswerT]):  # noqa: N801 - lower case, because it is used as a declaration: has = call(HasContact)
    """Declare a method that sends a request of this class: `has = call(HasContact)`."""

    def __init__(self, request_class: Callable[P, Request[AnswerT]]) -> None:
        self.request_class = request_class
        self.__doc__ = request_class.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.__name__ = name

    @cached_property
    def __signature__(self) -> inspect.Signature:
        """The signature of the request class, with resolved types, and with the answer as the return type."""
        kind = cast("type", self.request_class)
        plain = get_type_hints(kind)
        parameters = [
            parameter.replace(annotation=plain[parameter.name])
            for parameter in inspect.signature(kind).parameters.values()
        ]
        return inspect.Signature(parameters, return_annotation=answer_type(kind))

    async def __call__(self, group: Group, *args: P.args, **kwargs: P.kwargs) -> AnswerT:
        """Send the request with these arguments: `Contacts.has(sm.contacts, ...)`, as for any method of a class."""
        try:
            request = self._request(type(group), *args, **kwargs)
        finally:
            del args, kwargs  # error reporters show local variables, and these may have a password
        return await group._connection.send(request)

    def _request(self, group: type, *args: P.args, **kwargs: P.kwargs) -> Request[AnswerT]:
        """Return the request with these arguments; if they do not fit, the `TypeError` names the group's method."""
        try:
            return self.request_class(*args, **kwargs)
        except TypeError as error:
            inner = f"{cast('type', self.request_class).__name__}.__init__()"
            if not str(error).startswith(inner):
                raise
            raise TypeError(str(error).replace(inner, f"{_attribute_of(group)}.{self.__name__}()")) from None
        finally:
            del args, kwargs

    @overload
    def __get__(self, group: None, owner: type) -> "call[P, AnswerT]": ...
    @overload
    def __get__(self, group: Group, owner: type) -> Callable[P, Coroutine[Any, Any, AnswerT]]: ...
    def __get__(self, group: Group | None, owner: type) -> Any:
        if group is None:
            return self

        async def send(*args: P.args, **kwargs: P.kwargs) -> AnswerT:
            sending = self(group, *args, **kwargs)
            del args, kwargs
            return await sending

        send.__name__ = self.__name__
        send.__doc__ = self.__doc__
        send.__signature__ = self.__signature__  # type: ignore[attr-defined]
        return send
