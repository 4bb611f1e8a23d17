"""Lanes: one generated function per class, or per set of keys, that checks a record and builds its body.

A field is described once, by the annotation in its class (`_fields`). From that a *lane* is generated, as attrs
generates `__init__`: straight-line code that takes a value, asks whether it is absent (None or ""), and stores it
where the body wants it. The commonest case, text within its limit, is decided in the lane itself; everything else
goes to the field's writer, which also words the error. So there is one truth for the rules, and no per-record loop.

    lane for a class        reads attributes      row.name
    lane for a mapping      reads its keys        row['name'] or row['Name'], one lane for each set of keys seen
    lane for a CSV header   reads cells           row[3]
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, cast, get_type_hints

import attrs
from attrs import frozen

from ..errors import Invalid
from .fields import At, Beside, Form, Text, Writer, is_email, split_annotation, writer_of

Body = dict[str, Any]
Lane = Callable[[Any], Body]


@frozen
class Place:
    """One field of a class: its Python name, where it stands in the body, how its value is written, and what it is."""

    name: str
    path: tuple[str, ...]
    write: Writer
    kind: Any = Any
    marks: tuple[Any, ...] = ()
    appends: bool = False
    required: bool = False
    also: tuple[str, ...] = ()

    @property
    def wire_name(self) -> str:
        """The name that the reference gives the field."""
        return self.path[-1] if self.path else self.name

    @property
    def is_email(self) -> bool:
        """Whether it takes an address."""
        return Form.EMAIL in self.marks

    @property
    def limit(self) -> int | None:
        """The most characters it takes, where its length is all that is asked of it."""
        return limit_of(self.marks)


def limit_of(marks: Sequence[Any]) -> int | None:
    """Return the most characters that a field of these marks takes, where its length is all that is asked of it."""
    texts = [mark for mark in marks if isinstance(mark, Text) and mark.least == 1 and not mark.pattern]
    return texts[0].limit if texts and not any(isinstance(mark, Form) for mark in marks) else None


@cache
def places(record_class: type) -> tuple[Place, ...]:
    """Return the fields of an attrs class that have a place in its body, in order."""
    hints = get_type_hints(record_class, include_extras=True)
    return tuple(
        _place(field.name, hints[field.name], required=field.default is attrs.NOTHING)
        for field in attrs.fields(record_class)
        if _mark_beside(hints[field.name]) is None
    )


@cache
def file_beside(request_class: type) -> tuple[str, Beside] | None:
    """Return the name of the field that holds a file to go beside the body, and how; None where there is none."""
    hints = get_type_hints(request_class, include_extras=True)
    fields = ((field.name, _mark_beside(hints[field.name])) for field in attrs.fields(request_class))
    return next(((name, mark) for name, mark in fields if mark), None)


def _mark_beside(annotation: Any) -> Beside | None:
    return next((mark for mark in split_annotation(annotation)[1] if isinstance(mark, Beside)), None)


def _place(name: str, annotation: Any, *, required: bool) -> Place:
    kind, metadata = split_annotation(annotation)
    where = [mark.path for mark in metadata if isinstance(mark, At)]
    dotted = where[0] if where else camel_case(name)
    return Place(
        name=name,
        path=_path(dotted),
        write=naming(name if not dotted else dotted.rpartition(".")[2], writer_of(annotation, part_writer)),
        kind=kind,
        marks=metadata,
        required=required,
        also=_path(next((mark.also for mark in metadata if isinstance(mark, At)), "")),
    )


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(dotted.split(".")) if dotted else ()


def camel_case(name: str) -> str:
    """Return the API's spelling of a Python name: force_opt_in → forceOptIn, async_ → async."""
    first, *others = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in others)


def naming(wire_name: str, write: Writer) -> Writer:
    """Return `write` with its errors made `Invalid`, naming the field."""

    def checked(value: object) -> Any:
        try:
            return write(value)
        except Invalid as error:
            raise Invalid(error.rule, field=f"{wire_name}.{error.field}" if error.field else wire_name) from None
        except ValueError as error:
            raise Invalid(str(error), field=wire_name) from None

    return checked


def names_of(record_class: type) -> dict[str, Place]:
    """Return the fields of a class under both of their names: zipCode and zip_code."""
    return {name: place for place in places(record_class) for name in (place.wire_name, place.name)}


def part_writer(record_class: type) -> Writer:
    """Return the writer of a value that is part of another: given as an instance, or as the API's object."""

    @lru_cache(maxsize=64)
    def lane_of_keys(keys: tuple[str, ...]) -> Lane:
        known = names_of(record_class)
        unknown = [key for key in keys if key not in known]
        if unknown:
            raise Invalid("is not a field", field=str(unknown[0]))
        return compile_lane([(known[key], f"row[{str.__repr__(key)}]") for key in keys], places(record_class))

    def write(value: object) -> Body:
        if isinstance(value, record_class):
            return class_lane(record_class)(value)
        if isinstance(value, Mapping):
            fields = cast("Mapping[str, Any]", value)
            return lane_of_keys(tuple(fields))(fields)
        raise ValueError(f"is a {type(value).__name__}; give a {record_class.__name__} or an object")

    return write


@cache
def class_lane(record_class: type) -> Lane:
    """Return the function that turns an instance into its body, checking every field."""
    lane = compile_lane([(place, f"row.{place.name}") for place in places(record_class)])
    alternatives: Callable[[Body], None] | None = getattr(record_class, "check_body", None)
    if alternatives is None:
        return lane

    def checked(row: object) -> Body:
        body = lane(row)
        alternatives(body)
        return body

    return checked


def compile_lane(columns: Sequence[tuple[Place, str]], expected: Sequence[Place] = ()) -> Lane:
    """Generate the lane for these fields, each with the expression that reads its value from `row`.

    Raises `Invalid` where a required one of the `expected` fields is not among them.
    """
    check_required((place for place, _ in columns), expected)
    names: dict[str, Any] = {"is_email": is_email, "missing": _missing}
    containers = containers_of([place for place, _ in columns])
    lines: list[str] = []
    for index, (place, source) in enumerate(sorted(columns, key=lambda column: column[0].appends)):
        names[f"write{index}"] = place.write
        lines += [f"value = {source}", "if value is not None and value != '':"]
        lines.append("    " + _store_present(place, f"write{index}(value)", containers))
        if place.required:
            lines.append(f"else: missing({place.wire_name!r})")
    merging = any(not place.path for place, _ in columns)  # then the object may be there already
    body = [*open_containers(containers), *lines, *close_containers(containers, merging=merging)]
    source_text = "\n    ".join(["def lane(row):", *body, "return body"])
    exec(compile(source_text, "<lane>", "exec"), names)  # noqa: S102 - only quoted names and numbers get in
    return cast("Lane", names["lane"])


def check_required(given: Iterable[Place], expected: Sequence[Place]) -> None:
    """Raise `Invalid` where a required one of the `expected` fields is not among those `given`."""
    names = {place.name for place in given}
    for place in expected:
        if place.required and place.name not in names:
            _missing(place.wire_name)


def _missing(wire_name: str) -> None:
    raise Invalid("is missing", field=wire_name)


Containers = dict[tuple[str, ...], str]
"""The objects that fields are spread over: path → variable."""


def containers_of(columns: Iterable[Place]) -> Containers:
    """Name a variable for each object that the fields are spread over; that of the whole is `body`."""
    paths = {place.path[:depth] for place in columns for depth in range(len(place.path)) if not place.appends}
    return {path: f"body{index or ''}" for index, path in enumerate(sorted(paths | {()}))}


def open_containers(containers: Containers) -> list[str]:
    """Return the lines that make the objects, which are empty."""
    return [f"{name} = {{}}" for name in containers.values()]


def close_containers(containers: Containers, *, merging: bool = False) -> list[str]:
    """Return the lines that put the objects into each other, those that are not empty."""
    return [
        f"if {name}: {containers[path[:-1]]}"
        + (f".setdefault({path[-1]!r}, {{}}).update({name})" if merging else f"[{path[-1]!r}] = {name}")
        for path, name in sorted(containers.items(), key=lambda pair: -len(pair[0]))
        if path
    ]


def store(place: Place, written: str, containers: Containers) -> str:
    """Return the statement that puts a value where it belongs."""
    if place.path in containers:
        return f"{containers[place.path]}.update({written})"
    if place.appends:
        return f"body.setdefault({place.path[-1]!r}, []).append({written})"
    return f"{containers[place.path[:-1]]}[{place.path[-1]!r}] = {written}"


def _store_present(place: Place, written: str, containers: Containers) -> str:
    """Return the statement that checks a present value and stores it; the commonest checks need no writer."""
    if place.path in containers or place.appends:
        return store(place, written, containers)
    if place.is_email:
        return store(place, f"value if value.__class__ is str and is_email(value) else {written}", containers)
    if place.limit is not None:
        usual = f"value.__class__ is str and len(value) <= {place.limit}"
        return store(place, f"value if {usual} else {written}", containers)
    return f"if (written := {written}) is not None: {store(place, 'written', containers)}"
