"""How values are shown to people: a repr of what is set, and signatures without the rules of the wire."""

from typing import Any, TypeVar, get_type_hints

from attrs import NOTHING, fields

ClassT = TypeVar("ClassT")


def readable(kind: type[ClassT]) -> type[ClassT]:
    """Decorate a class of attrs so that `help`, `inspect.signature` and the repr of its values are short.

    A repr leaves out the fields that have their default. A signature has the types without their annotations.
    """
    vars(kind)["__init__"].__annotations__ = {**get_type_hints(kind), "return": None}
    kind.__repr__ = _repr_of_what_is_set  # type: ignore[method-assign]
    return kind


def _repr_of_what_is_set(value: Any) -> str:
    kind: Any = type(value)
    shown = [
        f"{one.name}={found!r}"
        for one in fields(kind)
        if one.repr and ((found := getattr(value, one.name)) != one.default or one.default is NOTHING)
    ]
    return f"{kind.__name__}({', '.join(shown)})"
