"""Compiled writers: one generated function per class, or per set of keys, that checks a record and builds its body.

A field is described once, by the annotation in its class (fields.py). From the annotations a writer is generated, as
attrs generates `__init__`: straight-line code that gets a value, checks whether it is absent (None or ""), and stores
it at its path in the body. The commonest case, text within its limit, is decided in the generated code. Every other
case is passed to the field's own writer, which also raises the error. So each rule is defined in one place only, and no
loop runs per record.

    writer for a class        reads attributes      row.name
    writer for a mapping      reads its keys        row['name'] or row['Name'], one writer for each set of keys
    writer for a CSV header   reads cells           row[3]
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, cast, get_type_hints

import attrs
from attrs import frozen

from ..errors import Invalid
from .fields import Form, JsonPath, Text, Upload, Writer, is_email, split_annotation, writer_of

Body = dict[str, Any]
RowWriter = Callable[[Any], Body]


@frozen
class FieldSpec:
    """One field of a class: its Python name, its path in the body, the writer of its value, and its type."""

    name: str
    path: tuple[str, ...]
    write: Writer
    kind: Any = Any
    metadata: tuple[Any, ...] = ()
    appends: bool = False
    required: bool = False
    also: tuple[str, ...] = ()

    @property
    def wire_name(self) -> str:
        """The name of the field in the reference."""
        return self.path[-1] if self.path else self.name

    @property
    def is_email(self) -> bool:
        """Whether the field is an e-mail address."""
        return Form.EMAIL in self.metadata

    @property
    def limit(self) -> int | None:
        """The most characters of the field if its length is the only rule, else None."""
        return limit_of(self.metadata)


def limit_of(metadata: Sequence[Any]) -> int | None:
    """Return the most characters of a field with this metadata if its length is the only rule, else None."""
    texts = [item for item in metadata if isinstance(item, Text) and item.least == 1 and not item.pattern]
    return texts[0].limit if texts and not any(isinstance(item, Form) for item in metadata) else None


@cache
def field_specs(record_class: type) -> tuple[FieldSpec, ...]:
    """Return the fields of an attrs class that are part of its body, in order."""
    hints = get_type_hints(record_class, include_extras=True)
    return tuple(
        _spec(field.name, hints[field.name], required=field.default is attrs.NOTHING)
        for field in attrs.fields(record_class)
        if _upload_in(hints[field.name]) is None
    )


@cache
def upload_of(request_class: type) -> tuple[str, Upload] | None:
    """Return the name of the field with a file to upload, and its `Upload`; None if the class has no such field."""
    hints = get_type_hints(request_class, include_extras=True)
    fields = ((field.name, _upload_in(hints[field.name])) for field in attrs.fields(request_class))
    return next(((name, upload) for name, upload in fields if upload), None)


def _upload_in(annotation: Any) -> Upload | None:
    return next((item for item in split_annotation(annotation)[1] if isinstance(item, Upload)), None)


def _spec(name: str, annotation: Any, *, required: bool) -> FieldSpec:
    kind, metadata = split_annotation(annotation)
    paths = [item.path for item in metadata if isinstance(item, JsonPath)]
    dotted = paths[0] if paths else camel_case(name)
    return FieldSpec(
        name=name,
        path=_path(dotted),
        write=named_errors(name if not dotted else dotted.rpartition(".")[2], writer_of(annotation, part_writer)),
        kind=kind,
        metadata=metadata,
        required=required,
        also=_path(next((item.also for item in metadata if isinstance(item, JsonPath)), "")),
    )


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(dotted.split(".")) if dotted else ()


def camel_case(name: str) -> str:
    """Return the API's spelling of a Python name: force_opt_in → forceOptIn, async_ → async."""
    first, *others = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in others)


def named_errors(wire_name: str, write: Writer) -> Writer:
    """Return `write` with its errors turned into `Invalid`, which names the field."""

    def checked(value: object) -> Any:
        try:
            return write(value)
        except Invalid as error:
            raise Invalid(error.rule, field=f"{wire_name}.{error.field}" if error.field else wire_name) from None
        except ValueError as error:
            raise Invalid(str(error), field=wire_name) from None

    return checked


def names_of(record_class: type) -> dict[str, FieldSpec]:
    """Return the fields of a class by both of their names: zipCode and zip_code."""
    return {name: spec for spec in field_specs(record_class) for name in (spec.wire_name, spec.name)}


def json_path_of(record_class: type, name: str) -> str:
    """Return the path in the body of the field that an error of the writer names: "event.location" is where it is."""
    first, _, rest = name.partition(".")
    spec = names_of(record_class).get(first)
    if spec is None:
        return name
    has_parts = isinstance(spec.kind, type) and attrs.has(spec.kind)
    inner = json_path_of(spec.kind, rest) if rest and has_parts else rest
    return ".".join(filter(None, (*spec.path, inner)))


def part_writer(record_class: type) -> Writer:
    """Return the writer of a nested value, which is given as an instance or as the API's object."""

    @lru_cache(maxsize=64)
    def writer_of_keys(keys: tuple[str, ...]) -> RowWriter:
        known = names_of(record_class)
        unknown = [key for key in keys if key not in known]
        if unknown:
            raise Invalid("is not a field", field=str(unknown[0]))
        write = compile_writer([(known[key], f"row[{str.__repr__(key)}]") for key in keys], field_specs(record_class))
        return _checked_as_a_whole(record_class, write)

    def write(value: object) -> Body:
        if isinstance(value, record_class):
            return class_writer(record_class)(value)
        if isinstance(value, Mapping):
            fields = cast("Mapping[str, Any]", value)
            return writer_of_keys(tuple(fields))(fields)
        raise ValueError(f"is a {type(value).__name__}; give a {record_class.__name__} or an object")

    return write


@cache
def class_writer(record_class: type) -> RowWriter:
    """Return the function that turns an instance into its body, and checks every field."""
    write = compile_writer([(spec, f"row.{spec.name}") for spec in field_specs(record_class)])
    return _checked_as_a_whole(record_class, write)


def _checked_as_a_whole(record_class: type, write: RowWriter) -> RowWriter:
    """Return `write` with the check of the whole body that the class may have."""
    check_body: Callable[[Body], None] | None = getattr(record_class, "check_body", None)
    if check_body is None:
        return write

    def checked(row: object) -> Body:
        body = write(row)
        check_body(body)
        return body

    return checked


def compile_writer(columns: Sequence[tuple[FieldSpec, str]], expected: Sequence[FieldSpec] = ()) -> RowWriter:
    """Generate the writer for these fields, each with the expression that reads its value from `row`.

    Raises `Invalid` if a required field of `expected` is missing.
    """
    check_required((spec for spec, _ in columns), expected)
    names: dict[str, Any] = {"is_email": is_email, "missing": _missing}
    containers = containers_of([spec for spec, _ in columns])
    lines: list[str] = []
    for index, (spec, source) in enumerate(sorted(columns, key=lambda column: column[0].appends)):
        names[f"write{index}"] = spec.write
        lines += [f"value = {source}", "if value is not None and value != '':"]
        lines.append("    " + _store_present(spec, f"write{index}(value)", containers))
        if spec.required:
            lines.append(f"else: missing({spec.wire_name!r})")
    merging = any(not spec.path for spec, _ in columns)  # then a merged field may have created the object already
    body = [*open_containers(containers), *lines, *close_containers(containers, merging=merging)]
    source_text = "\n    ".join(["def write(row):", *body, "return body"])
    exec(compile(source_text, "<compiled writer>", "exec"), names)  # noqa: S102 - only quoted names and numbers get in
    return cast("RowWriter", names["write"])


def check_required(given: Iterable[FieldSpec], expected: Sequence[FieldSpec]) -> None:
    """Raise `Invalid` if a required field of `expected` is not among `given`."""
    names = {spec.name for spec in given}
    for spec in expected:
        if spec.required and spec.name not in names:
            _missing(spec.wire_name)


def _missing(wire_name: str) -> None:
    raise Invalid("is missing", field=wire_name)


Containers = dict[tuple[str, ...], str]
"""The nested objects that contain fields: path → variable."""


def containers_of(columns: Iterable[FieldSpec]) -> Containers:
    """Name a variable for each nested object that contains fields; the variable of the whole body is `body`."""
    paths = {spec.path[:depth] for spec in columns for depth in range(len(spec.path)) if not spec.appends}
    return {path: f"body{index or ''}" for index, path in enumerate(sorted(paths | {()}))}


def open_containers(containers: Containers) -> list[str]:
    """Return the lines that create the objects, which are empty."""
    return [f"{name} = {{}}" for name in containers.values()]


def close_containers(containers: Containers, *, merging: bool = False) -> list[str]:
    """Return the lines that put the objects into each other, except empty ones."""
    return [
        f"if {name}: {containers[path[:-1]]}"
        + (f".setdefault({path[-1]!r}, {{}}).update({name})" if merging else f"[{path[-1]!r}] = {name}")
        for path, name in sorted(containers.items(), key=lambda pair: -len(pair[0]))
        if path
    ]


def store(spec: FieldSpec, written: str, containers: Containers) -> str:
    """Return the statement that stores a value at its path."""
    if spec.path in containers:
        return f"{containers[spec.path]}.update({written})"
    if spec.appends:
        return f"body.setdefault({spec.path[-1]!r}, []).append({written})"
    return f"{containers[spec.path[:-1]]}[{spec.path[-1]!r}] = {written}"


def _store_present(spec: FieldSpec, written: str, containers: Containers) -> str:
    """Return the statement that checks a present value and stores it; the commonest checks need no writer."""
    if spec.path in containers or spec.appends:
        return store(spec, written, containers)
    if spec.is_email:
        return store(spec, f"value if value.__class__ is str and is_email(value) else {written}", containers)
    if spec.limit is not None:
        usual = f"value.__class__ is str and len(value) <= {spec.limit}"
        return store(spec, f"value if {usual} else {written}", containers)
    return f"if (written := {written}) is not None: {store(spec, 'written', containers)}"
