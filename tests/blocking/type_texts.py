"""Texts of types for a stub, and the imports that they need."""

import ast
import sys
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

PACKAGE = "salesmanago_async"

IN_RETURNS = {
    "AsyncIterator": "Iterator",
    "Walk": "Iterator",
    "AbstractAsyncContextManager": "AbstractContextManager",
}
"""What a method without `await` returns, in place of what the async one returns."""

HOMES = {
    "AbstractContextManager": "contextlib",
    "Iterator": "collections.abc",
    "Generic": "typing",
    "Self": "typing",
    "TypeVar": "typing",
    "Any": "typing",
    "Literal": "typing",
    "Unpack": "typing",
    "overload": "typing",
}


def is_literal(value: object) -> bool:
    """Return whether a value can be written down as it is."""
    return value is None or isinstance(value, bool | int | float | str) or value == ()


class Names:
    """The names that a stub uses. `own` are defined in it; one that is imported and equal to one of them is renamed."""

    def __init__(self, own: set[str]) -> None:
        self._own = own
        self._imported: dict[str, set[str]] = {}

    def imports(self, *, always: tuple[str, ...]) -> str:
        """Return the import statements."""
        for name in always:
            self._use(name, HOMES[name])
        return "\n".join(
            f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(self._imported.items())
        )

    def read(self, text: str, kind: type) -> str:
        """Return an expression of the module of a class, and import what it needs."""
        return self.text_of(ast.parse(text, mode="eval").body, kind)

    def read_block(self, text: str, kind: type) -> str:
        """Return statements, and import what their annotations need."""
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Name):
                self._find(node.id, kind)
        return text

    def text_of(
        self, annotation: ast.expr | None, kind: type, *, is_returned: bool = False, is_block: bool = False
    ) -> str:
        """Return the text of an annotation that stands in the source of a class."""
        assert annotation is not None
        taken = _Taken(self, kind, IN_RETURNS if is_returned else {})
        text = ast.unparse(taken.visit(ast.parse(ast.unparse(annotation), mode="eval").body))
        if is_block:
            self._use("AbstractContextManager", "contextlib")
            return text.replace("AsyncGenerator", "AbstractContextManager", 1)
        return text

    def rendered(self, kind: Any) -> str:
        """Return the text of a type."""
        if kind is None or kind is types.NoneType:
            return "None"
        if kind is Any:
            return self._use("Any", "typing")
        if isinstance(kind, TypeVar):
            return kind.__name__
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in {Union, types.UnionType}:
            return " | ".join(map(self.rendered, arguments))
        if origin is Literal:
            return f"{self._use('Literal', 'typing')}[{', '.join(map(repr, arguments))}]"
        if origin is Callable:
            raise NotImplementedError("no request has a callback")
        if origin is not None:
            inner = ", ".join("..." if argument is ... else self.rendered(argument) for argument in arguments)
            return f"{self.rendered(origin)}[{inner}]"
        return self._use(kind.__name__, kind.__module__)

    def _find(self, name: str, kind: type) -> str:
        """Import a name as the module of a class does, also if it does so for type checkers only."""
        if name in self._own and name not in _imports_of(kind.__module__):
            return name
        module = _imports_of(kind.__module__).get(name)
        if module is not None and name in self._own and not _is_answer(module):
            return name
        if module is None and name in vars(sys.modules[kind.__module__]):
            module = kind.__module__
        return self._use(name, module or HOMES.get(name, "builtins"))

    def _use(self, name: str, module: str) -> str:
        if module == "builtins":
            return name
        inner = module.removeprefix(f"{PACKAGE}.")
        place = module if inner == module else f"..{inner}"
        known = f"{name}Answer" if name in self._own else name
        self._imported.setdefault(place, set()).add(name if known == name else f"{name} as {known}")
        return known


def _is_answer(module: str) -> bool:
    return module.startswith(f"{PACKAGE}.api.")


class _Taken(ast.NodeTransformer):
    """Replaces and imports the names of an annotation; a quoted one is read, too."""

    def __init__(self, names: Names, kind: type, replaced: Mapping[str, str]) -> None:
        self._names = names
        self._kind = kind
        self._replaced = replaced

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, str):
            return typing.cast("ast.expr", self.visit(ast.parse(node.value, mode="eval").body))
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if isinstance(node.value, ast.Name) and node.value.id == "Literal":
            self.visit(node.value)
            return node
        self.generic_visit(node)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        module = ast.unparse(node.value)
        return ast.Name(self._names._use(node.attr, module))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        name = self._replaced.get(node.id, node.id)
        if node.id == "AsyncGenerator":
            return node
        if name != node.id:
            return ast.Name(self._names._use(name, HOMES[name]))
        return ast.Name(self._names._find(name, self._kind))


@cache
def _imports_of(module: str) -> dict[str, str]:
    """Return where a module has its names from."""
    found = sys.modules[module]
    assert found.__file__
    package = module if found.__file__.endswith("__init__.py") else module.rpartition(".")[0]
    names: dict[str, str] = {}
    for node in ast.walk(ast.parse(Path(found.__file__).read_text())):
        if isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            home = ".".join(filter(None, (base, node.module)))
            names |= {alias.asname or alias.name: home for alias in node.names}
    return names
