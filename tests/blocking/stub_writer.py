"""Writes salesmanago_async/blocking/__init__.pyi, which editors and type checkers read.

    python -m tests.blocking.stub_writer

The classes without `await` are made at run time, so their types have to be written down. They are read from the source
of the async classes: `async` is left out, an async iterator becomes an iterator, and what is declared as
`call(Request)` gets the parameters of its request. A test holds that the file is what this module writes.
"""

import ast
import inspect
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

import salesmanago_async.blocking
from salesmanago_async import SalesManago
from salesmanago_async.blocking._classes import CLASSES, RENAMED, is_internal
from salesmanago_async.blocking._words import without_await
from salesmanago_async.groups.group import Group, call
from salesmanago_async.groups.lazy_group import LazyGroup, groups_of
from salesmanago_async.settings import Credentials
from tests.blocking.type_texts import Names, is_literal

STUB = Path(salesmanago_async.blocking.__file__).with_suffix(".pyi")

HEADER = '''"""The client without `await`. Written by tests/blocking/stub_writer.py, from the async classes."""

{imports}

from typing_extensions import TypeVar as TypeVarWithDefault

from ._thread import RunInterrupted as RunInterrupted

RecordT = TypeVar("RecordT")
RecordT_co = TypeVarWithDefault("RecordT_co", covariant=True, default=Any)

__all__ = {exported}

'''

BASES = {
    "Job": "Generic[RecordT]",
    "Records": "Iterator[RecordT_co], Generic[RecordT_co]",
    "ModifiedExport": "Iterator[RecordT], Generic[RecordT]",
    "Outcomes": "Iterator[Outcome[RecordT_co]], Generic[RecordT_co]",
    "SyncOutcomes": "Outcomes",
    "Buffer": "Generic[RecordT]",
}
ITEMS = {"Records": "RecordT_co", "ModifiedExport": "RecordT", "Outcomes": "Outcome[RecordT_co]"}
CONTEXTS = ("Buffer", "SalesManago")
SPECIAL = {"__init__": "SalesManago", "__len__": "Buffer"}
"""Methods with two underscores that callers use, and the class in which they do."""

OPENED = """def __enter__(self) -> Self: ...
def __exit__(
    self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
) -> None: ..."""
ITERATED = """def __iter__(self) -> Self: ...
def __next__(self) -> {item}: ..."""


def stub() -> str:
    """Return the text of the stub, not formatted."""
    client = SalesManago(Credentials(client_id="c", api_key="k", sha="s"))
    groups = groups_of(client)
    kinds = {*map(type, groups.values()), *CLASSES} - {SalesManago}
    ordered = sorted(kinds, key=lambda kind: (kind.__name__ == "SyncOutcomes", kind.__name__))
    names = Names({*(kind.__name__ for kind in ordered), "SalesManago", "RecordT", "RecordT_co"})
    classes = [_class(kind, names) for kind in ordered]
    attributes = [f"{name}: {type(group).__name__}" for name, group in groups.items()]
    classes.append(_class(SalesManago, names, attributes))
    exported = sorted(salesmanago_async.blocking.__all__)
    head = HEADER.format(exported=exported, imports=names.imports(always=("Generic", "Iterator", "Self", "TypeVar")))
    return head + "\n\n".join(classes)


def _class(kind: type, names: Names, attributes: list[str] | None = None) -> str:
    name = kind.__name__
    bases = names.read(BASES[name], kind).strip("()") if name in BASES else ""
    members = [_quoted(inspect.getdoc(kind)), *(attributes or ())]
    members += [member for each in _parts(kind) for member in _members(each, names)]
    if name in ITEMS:
        members.append(ITERATED.format(item=ITEMS[name]))
    if name in CONTEXTS:
        members.append(names.read_block(OPENED, SalesManago))
    return f"class {name}{f'({bases})' if bases else ''}:\n" + textwrap.indent("\n".join(members), "    ") + "\n"


def _parts(kind: type) -> list[type]:
    """Return the class itself, and before it the classes that a group is made of."""
    return [each for each in reversed(kind.__mro__) if issubclass(each, Group) and each is not Group] or [kind]


def _members(kind: type, names: Names) -> Iterator[str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_shown(node.name, kind):
            yield _method(node, kind, names)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and _is_shown(node.target.id, kind):
            if isinstance(vars(kind).get(node.target.id), LazyGroup):  # listed among the attributes
                continue
            text = names.text_of(node.annotation, kind, is_returned=True)
            yield f"@property\ndef {node.target.id}(self) -> {text}: ..."
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found = vars(kind)[node.targets[0].id]
            if isinstance(found, call):
                yield _called(node.targets[0].id, found, names)


def _is_shown(name: str, kind: type) -> bool:
    if name.startswith("_"):
        return SPECIAL.get(name) == kind.__name__
    return not is_internal(name, kind)


def _method(node: ast.FunctionDef | ast.AsyncFunctionDef, kind: type, names: Names) -> str:
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    is_block = any(text.startswith("block(") for text in decorators)
    shown = [f"@{text}" for text in decorators if text in {"property", "classmethod", "overload"}]
    if "@overload" in shown:
        names.read("overload", kind)
    name = RENAMED.get(node.name, node.name)
    returned = names.text_of(node.returns, kind, is_returned=True, is_block=is_block)
    text = f"def {name}({_parameters(node.args, kind, names)}) -> {returned}:"
    if "@overload" in shown:
        return "\n".join([*shown, text, textwrap.indent(_quoted(getattr(kind, node.name).__doc__), "    ")])
    if _is_overloaded(kind, node.name):  # a stub has no implementation beside its overloads
        return ""
    return "\n".join([*shown, text, textwrap.indent(_quoted(_text(node)), "    ")])


def _text(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return ast.get_docstring(node) or "See the async class."


def _is_overloaded(kind: type, name: str) -> bool:
    return f"@overload\n    def {name}(" in inspect.getsource(kind)


def _parameters(given: ast.arguments, kind: type, names: Names) -> str:
    """Return the text of parameters, with the values of their defaults."""
    scope = vars(sys.modules[kind.__module__])
    shown: list[str] = []
    defaults = [None] * (len(given.args) - len(given.defaults)) + list(given.defaults)
    for argument, default in zip(given.args, defaults, strict=True):
        shown.append(_parameter(argument, default, kind, names, scope))
    if given.kwonlyargs:
        shown.append("*")
    for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        shown.append(_parameter(argument, default, kind, names, scope))
    if given.kwarg:
        shown.append(f"**{_parameter(given.kwarg, None, kind, names, scope)}")
    return ", ".join(shown)


def _parameter(argument: ast.arg, default: ast.expr | None, kind: type, names: Names, scope: dict[str, Any]) -> str:
    annotation = f": {names.text_of(argument.annotation, kind)}" if argument.annotation else ""
    if default is None:
        return f"{argument.arg}{annotation}"
    text = ast.unparse(default)
    value: Any = ... if text == "..." else eval(text, scope)
    return f"{argument.arg}{annotation} = {value!r}" if is_literal(value) else f"{argument.arg}{annotation} = ..."


def _called(name: str, found: call[..., Any], names: Names) -> str:
    """Return the method that was declared as `call(Request)`, with the parameters of the request."""
    signature = inspect.signature(found)
    shown = ["self"]
    has_star = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not has_star:
            has_star = True
            shown.append("*")
        default = parameter.default
        text = f"{parameter.name}: {names.rendered(parameter.annotation)}"
        is_plain = is_literal(default) and default is not attrs.NOTHING
        shown.append(text if default is parameter.empty else f"{text} = {default!r}" if is_plain else f"{text} = ...")
    head = f"def {name}({', '.join(shown)}) -> {names.rendered(signature.return_annotation)}:"
    return f"{head}\n{textwrap.indent(_quoted(found.__doc__), '    ')}"


def _quoted(text: str | None) -> str:
    plain = without_await(inspect.cleandoc(text or "")).replace("\\", "\\\\").replace('"""', '\\"""')
    return f'"""{plain}"""' if "\n" not in plain else f'"""{plain}\n"""'


def formatted(text: str) -> str:
    """Return the text as ruff formats it."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(STUB), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    STUB.write_text(formatted(stub()))
