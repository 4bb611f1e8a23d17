"""The blocking classes have every method of the async ones, and the stub says what they are."""

import ast
import inspect
from collections.abc import Callable
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from salesmanago_async import SalesManago, blocking
from salesmanago_async.blocking._arguments import PREPARATIONS
from salesmanago_async.blocking._classes import CLASSES, RENAMED, blocking_group, is_internal
from salesmanago_async.blocking._words import without_await
from salesmanago_async.buffers.options import ContactBufferOptions, EventBufferOptions
from salesmanago_async.groups.lazy_group import groups_of
from salesmanago_async.imports.runs import ContactRunOptions, EventRunOptions, ProductRunOptions
from salesmanago_async.settings import Credentials
from salesmanago_async.sync.settings import SyncOptions
from tests.blocking.stub_writer import STUB, formatted, stub

CLIENT = SalesManago(Credentials(client_id="c", api_key="k", sha="s"))
PAIRS = {
    **{type(group): blocking_group(type(group)) for group in groups_of(CLIENT).values()},
    **CLASSES,
}
OPTIONS = (
    ContactRunOptions,
    EventRunOptions,
    ProductRunOptions,
    SyncOptions,
    ContactBufferOptions,
    EventBufferOptions,
)


def names_of(kind: type) -> set[str]:
    """The public names that the library itself defines for a class."""
    ours = [base for base in kind.__mro__ if base.__module__.startswith("salesmanago_async")]
    return {name for base in ours for name in vars(base) if not name.startswith("_")}


def shown(member: Any) -> list[tuple[str, Any, Any]]:
    """The parameters of a method with their kinds and defaults, without `self`."""
    parameters = inspect.signature(member).parameters.values()
    return [(known.name, known.kind, known.default) for known in parameters if known.name != "self"]


@pytest.mark.parametrize("kind", PAIRS, ids=lambda kind: kind.__name__)
def test_every_method_is_there_with_its_parameters_and_its_text(kind: type) -> None:
    made = PAIRS[kind]
    assert made.__doc__ == without_await(inspect.getdoc(kind) or "")
    for name in names_of(kind):
        if is_internal(name, kind):
            assert not hasattr(made, name)
            continue
        theirs, ours = getattr(kind, name), getattr(made, RENAMED.get(name, name))
        assert inspect.getdoc(ours) == inspect.cleandoc(without_await(inspect.getdoc(theirs) or "")), name
        assert inspect.getdoc(ours), name
        if callable(theirs):
            assert shown(ours) == shown(theirs), name
            assert not inspect.iscoroutinefunction(ours)


def test_the_client_has_every_group() -> None:
    sm = blocking.SalesManago(Credentials(client_id="c", api_key="k", sha="s"))
    assert {name: type(getattr(sm, name)).__name__ for name in groups_of(CLIENT)} == {
        name: type(group).__name__ for name, group in groups_of(CLIENT).items()
    }
    assert shown(blocking.SalesManago) == shown(SalesManago)


def test_no_text_tells_callers_to_await() -> None:
    texts = [made.__doc__ for made in PAIRS.values()]
    texts += [inspect.getdoc(member) for made in PAIRS.values() for member in vars(made).values() if callable(member)]
    assert [text for text in texts if text and ("await " in text or "async with" in text or "async for" in text)] == []


def test_every_callback_is_called_in_a_thread_of_the_caller() -> None:
    callbacks = {
        name
        for options in OPTIONS
        for name, kind in get_type_hints(options).items()
        if any(get_origin(part) is Callable for part in (kind, *get_args(kind)))
    }
    callbacks |= {
        parameter.name
        for kind in PAIRS
        if kind is not SalesManago  # its clock is the client's own
        for name in names_of(kind)
        if callable(member := getattr(kind, name)) and not is_internal(name, kind)
        for parameter in inspect.signature(member).parameters.values()
        if "Callable" in str(parameter.annotation)
    }
    assert callbacks == {"on_progress", "confirm_removal", "on_outcome"}
    assert callbacks <= PREPARATIONS.keys()


@pytest.mark.ci
def test_the_stub_is_what_its_writer_writes() -> None:
    assert ast.dump(ast.parse(STUB.read_text())) == ast.dump(ast.parse(stub())), (
        "run: python -m tests.blocking.stub_writer"
    )


def test_the_stub_is_formatted() -> None:
    pytest.importorskip("ruff")
    assert STUB.read_text() == formatted(STUB.read_text())
