"""Makes a class without `await` from a class of the library: the same methods, parameters and docstrings.

Nothing is implemented twice. Each method runs the one of the same name in the event loop of the client, and what it
returns is wrapped, if it is an object that has something to wait for:

    a coroutine                 the method returns its result
    an async iterator           becomes an iterator
    an async context manager    becomes a context manager
    an object of a class here   becomes an object of the class that was made from it
"""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import cached_property, partial
from types import TracebackType
from typing import Any, Generic, NoReturn, Self, TypeVar, cast

from ..buffers.buffer import Buffer
from ..buffers.receipts import Receipt
from ..groups.group import Group
from ..groups.lazy_group import LazyGroup
from ..imports.runs import Outcomes
from ._arguments import Arguments, Beside
from ._caller import Caller
from ._thread import ClientThread, Work
from ._words import without_await

T = TypeVar("T")

INTERNAL: Mapping[type, frozenset[str]] = {
    AsyncIterator: frozenset({"take_ready"}),
    Outcomes: frozenset({"execute", "deliver", "client_closes", "detach", "raise_error"}),
    Receipt: frozenset({"resolve"}),
}
"""Methods that the library itself calls, and no caller, by the class that has them, or a class below it."""


def is_internal(name: str, inner: type) -> bool:
    """Return whether the library itself calls a method, and no caller."""
    return any(name in hidden for kind, hidden in INTERNAL.items() if issubclass(inner, kind))


RENAMED = {"aclose": "close"}
_END: Any = object()


def documented_as(member: Any) -> Callable[[T], T]:
    """Give a method the docstring of the one of the library that it calls."""

    def describe(method: T) -> T:
        method.__doc__ = without_await(inspect.getdoc(member) or "")
        return method

    return describe


class Wrapped:
    """An object of the library, used in the event loop of its client."""

    inner: Any

    def __init__(self, inner: Any, thread: ClientThread, caller: Caller | None = None) -> None:
        self.inner = inner
        self._thread = thread
        self._caller = caller
        """Who takes what this object yields; None if each call has a caller of its own."""

    def __repr__(self) -> str:
        return repr(self.inner)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the connection of a client belongs to one process."""
        raise TypeError(f"a {type(self).__name__} cannot be pickled: it belongs to a client, and to one process")

    def _call(self, name: str, given: Arguments) -> Any:
        """Call a method of the object in the event loop, and return its result, wrapped."""
        caller = self._caller or self._thread.new_caller()
        arguments = given.prepared(getattr(type(self.inner), name), caller)

        async def work() -> Any:
            found = arguments.passed_to(getattr(self.inner, name))
            return await found if inspect.iscoroutine(found) else found

        wrapped = wrap(self._thread.run(work, caller), self._thread, caller)
        if isinstance(wrapped, ClosesCallbacks):
            wrapped.beside = arguments.callbacks
        return wrapped

    def _run(self, work: Work[T]) -> T:
        return self._thread.run(work, self._caller or self._thread.new_caller())

    def _read(self, name: str) -> Any:
        return self._thread.read(lambda: getattr(self.inner, name), self._caller or self._thread.new_caller())


class Block(Wrapped, AbstractContextManager[T], Generic[T]):
    """A block of the library, entered and left with `with`."""

    def __enter__(self) -> T:
        return cast("T", wrap(self._run(self.inner.__aenter__), self._thread, self._caller))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        async def leave() -> None:
            await self.inner.__aexit__(kind, error, traceback)

        if not self._thread.is_of_parent:
            self._run(leave)

    def __iter__(self) -> NoReturn:
        raise TypeError("cannot be iterated; open it with `with`, and iterate over what that gives")


class Each(Wrapped, Iterator[T], Generic[T]):
    """An async iterator of the library, read item by item; what is there already comes without a way to the loop."""

    def __init__(self, inner: Any, thread: ClientThread, caller: Caller | None = None) -> None:
        super().__init__(inner, thread, caller)
        self._ready: list[T] = []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if not self._ready:
            self._ready = [wrap(item, self._thread) for item in self._run(self._next)][::-1]
        if not self._ready:
            raise StopIteration
        return self._ready.pop()

    async def _next(self) -> list[T]:
        first = await anext(self.inner, _END)
        if first is _END:
            return []
        ready = getattr(self.inner, "take_ready", None)
        return [first, *(ready() if ready else ())]


class ClosesCallbacks(Wrapped):
    """A buffer: its callbacks are called in a thread of their own, which ends with it."""

    beside: tuple[Beside, ...] = ()

    def __enter__(self) -> Self:
        self._run(self.inner.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @documented_as(Buffer.aclose)
    def close(self) -> None:
        if self._thread.is_of_parent:
            return
        self._run(self.inner.aclose)
        for callback in self.beside:
            callback.finish()

    def __len__(self) -> int:
        return self._thread.read(lambda: len(self.inner), self._thread.new_caller())


def wrap(value: Any, thread: ClientThread, caller: Caller | None = None) -> Any:
    """Return an object for callers without `await`; a value that waits for nothing is returned as it is.

    What is opened or iterated over keeps the caller that its source and its callbacks were given by.
    """
    made = CLASSES.get(type(value))
    if made is not None:
        return made(value, thread, caller if hasattr(value, "__anext__") else None)
    if isinstance(value, AbstractAsyncContextManager):
        return Block(value, thread, caller)
    if isinstance(value, AsyncIterator):
        return Each(value, thread, caller)
    return value


CLASSES: dict[type, type[Wrapped]] = {}
"""The class without `await` of each class of the library that has one."""


def blocking_class(inner: type, *, base: type[Wrapped] = Wrapped) -> type[Wrapped]:
    """Make the class without `await` of a class, and remember it in `CLASSES`; `base` has what is special about it."""
    members = {RENAMED.get(name, name): (name, member) for name, member in public_members(inner).items()}
    namespace = {name: _counterpart(*of) for name, of in members.items() if not hasattr(base, name)}
    about = {"__doc__": without_await(inspect.getdoc(inner) or ""), "__module__": __package__}
    made = CLASSES[inner] = type(inner.__name__, (base,), {**about, **namespace})
    return made


def blocking_group(group: type[Group]) -> type[Wrapped]:
    """Return the class without `await` of a group; it is made when it is needed first."""
    return CLASSES.get(group) or blocking_class(group)


def public_members(inner: type) -> dict[str, Any]:
    """Return what callers use of a class: its public methods, properties and annotated attributes."""
    found: dict[str, Any] = {}
    for kind in reversed(inner.__mro__):
        if kind.__module__.startswith("salesmanago_async."):
            found |= dict.fromkeys(kind.__annotations__)
            found |= vars(kind)
    return {name: member for name, member in found.items() if not name.startswith("_") and not is_internal(name, inner)}


def _counterpart(name: str, member: Any) -> Any:
    if isinstance(member, LazyGroup):
        return documented_as(member)(cached_property(partial(_group_of, name=name)))
    if member is None or isinstance(member, property):
        return property(lambda self: self._read(name), doc=without_await(inspect.getdoc(member) or ""))

    def method(self: Wrapped, *args: Any, **kwargs: Any) -> Any:
        given = Arguments(args, kwargs)
        del args, kwargs  # error reporters show local variables, and these may have a password
        return self._call(name, given)

    method.__name__ = RENAMED.get(name, name)
    method.__wrapped__ = _Shown(member)  # type: ignore[attr-defined]
    return documented_as(member)(method)


def _group_of(client: Wrapped, *, name: str) -> Wrapped:
    group = getattr(client.inner, name)
    return blocking_group(type(group))(group, client._thread)


class _Shown:
    """What `inspect.signature` shows of a method, worked out when it is asked for."""

    def __init__(self, member: Any) -> None:
        self._member = member

    @property
    def __signature__(self) -> inspect.Signature:
        """The parameters of the async method, also of one that was declared as `call(Request)`."""
        signature = inspect.signature(self._member)
        if "self" in signature.parameters:
            return signature
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return signature.replace(parameters=[own, *signature.parameters.values()])

    def __call__(self) -> NoReturn:
        raise TypeError("is only shown")
