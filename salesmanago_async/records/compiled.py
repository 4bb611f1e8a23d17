"""Express lanes: a record → the bytes of its body, and what its contact goes by, in one generated function.

Nearly all records of a source have the same fields, and in them the usual: short text, an address like ann@example.com,
a list of tags. From the fields a function is generated that takes this for granted, and checks that it is so:

    [v0, v1, v2] = row.values()
    if v0.__class__ is not str and v0 is not None: raise FastPathMiss    short text, the commonest kind
    if not (v1 is True or v1 is False) and v1 is not None: ...      any other kind: usual, or written with care
    if v2.__class__ is str: v2 = known_v2[v2]                       birthdays and such are written once, and remembered
    if v0 and v1 is not None and v2 is not None:
        whole1['name'] = v0                                         nothing is absent: the body of the last such record
        whole['forceOptIn'] = v1                                    will do, filled anew
        ...
    else: ...                                                       what is absent leaves no trace
    item = dumps(body)
    if len(item) > room and (len(v0 or '') > 255): raise FastPathMiss    it had the room for a text of more than 255
    return item, names

Whatever else turns up, the careful way (api/_lanes.py) gets the whole record, and writes it or words what is wrong. So
the rules are all there, and here are only guesses at what passes them: by whichever way a record goes, the same comes
out (a test holds this).

As its body is filled anew, a lane is for one run, and does one record at a time.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from textwrap import indent
from typing import Any, TypeAlias, cast, get_args, get_origin

import orjson
from attrs import field, frozen

from ..api.codec import dumps
from ..api.codegen import Body, Containers, FieldSpec, close_containers, containers_of, limit_of, open_containers, store
from ..api.fields import CLEAR, EARLIEST_MS, USUAL_EMAIL, Form, JsonPath, Text, Writer, split_annotation
from .names import Names, canonical

Encoded: TypeAlias = tuple[bytes, Names]
Encode: TypeAlias = Callable[[Any], Encoded]
"""Turns a record into its JSON object and the names of its contact; raises `Invalid` naming the field and the rule."""

SHORT = 255
_OTHER_NAMES = frozenset({"contact_id", "new_email"})
"""Fields that give a contact more names than its address."""


class FastPathMiss(Exception):
    """The record is one for the careful way."""


class Memo(dict[str, Any]):
    """What is written for a text: each is written with care when it is first met, and the first `most` remembered."""

    def __init__(self, write: Writer, most: int) -> None:
        super().__init__()
        self._write = write
        self._most = most

    def __missing__(self, text: str) -> Any:
        written = self._write(text) if text else None
        if len(self) < self._most:
            self[text] = written
        return written


@frozen(kw_only=True)
class EncoderContext:
    """What the lanes of one run have in common.

    `careful` encodes the records that are not usual; `named` returns what the contact of a body goes by, or raises
    `Invalid` where that is nothing; `tags` are added to those of each record; `known` are the texts of the fields.
    """

    careful: Encode
    named: Callable[[Body], Names]
    tags: Sequence[str]
    known: dict[str, Memo] = field(factory=dict, init=False)


@frozen
class Field:
    """A field of the records, and the variable of the lane that its value is in."""

    variable: str
    spec: FieldSpec

    @property
    def is_short(self) -> bool:
        """Whether it is short text: of all kinds the commonest, and the one that needs no writing."""
        return self.spec.limit == SHORT

    @property
    def is_address(self) -> bool:
        """Whether it is the address that the contact goes by."""
        return self.spec.name == "email"

    def holds_short(self, kind: type) -> bool:
        """Tell whether it takes sequences, or mappings, of short text, and nothing else is asked of them."""
        if get_origin(self.spec.kind) is not kind or not all(isinstance(mark, JsonPath) for mark in self.spec.marks):
            return False
        return limit_of(split_annotation(get_args(self.spec.kind)[-1])[1]) == SHORT

    @property
    def most_known(self) -> int:
        """How many of its texts are remembered: 0, unless a check is dear and many records have the same ones."""
        if self.holds_short(Sequence):
            return 2_000
        has_pattern = any(isinstance(mark, Text) and mark.pattern for mark in self.spec.marks)
        return 20_000 if has_pattern or self.spec.kind is bool or Form.BIRTHDAY in self.spec.marks else 0

    @property
    def is_there(self) -> str:
        """The condition that it has a value, once it was checked."""
        return self.variable if self.is_short else f"{self.variable} is not None"

    @property
    def least(self) -> int:
        """How many bytes it takes in an item at least, whatever it holds."""
        return len(self.spec.path[-1]) + len('"":"",' if self.is_short else '"":0,')


def compiled_encoder(
    fields: Sequence[Field],
    commons: EncoderContext,
    *,
    opening: Sequence[str],
    are_cells: bool = False,
    names: Mapping[str, Any] | None = None,
) -> Encode:
    """Generate the lane for records of these fields; the lines of `opening` fill their variables from `row`.

    Cells are text, all of them. `names` are what the opening uses.
    """
    fields = sorted(fields, key=lambda field: field.spec.appends)  # as the careful way does it
    checks = [line for field in fields if not (are_cells and field.is_short) for line in _check(field)]
    body = _body(fields, has_tags=bool(commons.tags))
    lines = _indented(["names = None", *opening, *checks, *body, *_ending(fields)])
    forgiving = ["try:", *lines, "except Exception: pass"]  # whatever it is, the careful way will tell
    source = "\n".join(["def lane(row):", *_indented([*forgiving, "return careful(row)"])])
    known = {**_NAMES, **(names or {}), "careful": commons.careful, "named": commons.named, "tags": commons.tags}
    known |= _whole(fields)
    for each in fields:
        memory = commons.known.setdefault(each.spec.name, Memo(each.spec.write, each.most_known))
        known |= {f"write_{each.variable}": each.spec.write, f"known_{each.variable}": memory}
    exec(compile(source, "<express lane>", "exec"), known)  # noqa: S102 - only quoted names and numbers get in
    return cast("Encode", known["lane"])


_NAMES: dict[str, Any] = {
    "CLEAR": CLEAR,
    "EARLIEST_MS": EARLIEST_MS,
    "FastPathMiss": FastPathMiss,
    "canonical": canonical,
    "dumps": orjson.dumps,
    "is_usual_address": re.compile(USUAL_EMAIL.pattern.replace("A-Z", "")).fullmatch,  # one in lower case
    "is_usual_email": USUAL_EMAIL.fullmatch,
}


def _check(field: Field) -> list[str]:
    """Return the lines that leave in the variable what goes into the body: None, or "" of short text, is absent."""
    value = field.variable
    if field.is_short:
        return [f"if {value}.__class__ is not str and {value} is not None: raise FastPathMiss"]
    if field.is_address:
        return [
            f"if {value}.__class__ is str and is_usual_address({value}): names = ({value},)",
            "else:",
            f"    if {value} is not None: {_written(field)}",
            f"    names = (canonical({value}),) if {value} else None",
        ]
    lines = _check_parts(field) or [f"if not ({_usual(field)}) and {value} is not None: {_written(field)}"]
    if field.most_known:
        return [f"if {value}.__class__ is str: {value} = known_{value}[{value}]", f"el{lines[0]}", *lines[1:]]
    return lines


def _check_parts(field: Field) -> list[str]:
    """Return those lines for a value that has parts, all of them text; no lines for another."""
    value = field.variable
    check_each = ["        if part.__class__ is not str or not part: raise FastPathMiss"]
    otherwise = f"elif {value} is not None: {_written(field)}"
    if field.holds_short(Sequence):
        return [f"if {value}.__class__ is list:", f"    for part in {value}:", *check_each, otherwise]
    if field.holds_short(Mapping):
        is_usual = f"{value}.__class__ is dict and '' not in {value}"
        return [f"if {is_usual}:", f"    for part in {value}.values():", *check_each, otherwise]
    if Form.COMMA_LIST in field.spec.marks:
        is_usual = f"{value}.__class__ is list and {value} and '' not in {value} and CLEAR not in {value}"
        joined = f"if {is_usual}: {value} = ','.join({value})"
        return [joined, f"if not ({_usual(field)}) and {value} is not None: {_written(field)}"]
    return []


def _written(field: Field) -> str:
    """Return the statement that leaves to the field's writer what may be usual, or not."""
    return f"{field.variable} = None if {field.variable} == '' else write_{field.variable}({field.variable})"


_USUAL = {
    Form.EMAIL: "{0}.__class__ is str and is_usual_email({0})",
    Form.EVENT_TIME: "{0}.__class__ is int and {0} >= EARLIEST_MS",
    Form.NUMBER: "{0}.__class__ is int or {0}.__class__ is float and {0} - {0} == 0",  # nor nan nor infinite
}


def _usual(field: Field) -> str:
    """Return the condition that a value is surely written as it is; it is false for many that are, too."""
    value, marks = field.variable, field.spec.marks
    text = next((mark for mark in marks if isinstance(mark, Text)), None)
    form = next((mark for mark in marks if isinstance(mark, Form)), None)
    if text and text.limit and not text.pattern and form in {None, Form.COMMA_LIST}:
        return f"{value}.__class__ is str and {text.least} <= len({value}) <= {text.limit}"
    if field.spec.kind is bool:
        return f"{value} is True or {value} is False"
    return _USUAL[form].format(value) if form in _USUAL else "False"


def _body(fields: Sequence[Field], *, has_tags: bool) -> list[str]:
    """Return the lines that make the body, and say how long its item may be before a text in it can be too long."""
    containers = containers_of([field.spec for field in fields])
    in_pieces = [*open_containers(containers), f"room = {SHORT}"]
    for each in fields:
        in_pieces.append(f"if {each.is_there}: {store(each.spec, each.variable, containers)}; room += {each.least}")
        in_pieces += ["else: raise FastPathMiss"] if each.spec.required else []
    in_pieces += close_containers(containers)
    in_pieces += ["body['tags'] = [*body.get('tags', ()), *tags]"] if has_tags else []
    if merges(fields) or any(field.spec.appends for field in fields):
        return in_pieces
    nothing_is_absent = " and ".join(field.is_there for field in fields) or "True"
    filled = _filled(fields, containers, has_tags=has_tags)
    return [f"if {nothing_is_absent}:", *_indented(filled), "else:", *_indented(in_pieces)]


def merges(fields: Sequence[Field]) -> bool:
    """Tell whether one of the fields is an object that others have their places in."""
    containers = containers_of([field.spec for field in fields])
    return any(field.spec.path in containers for field in fields)


def _filled(fields: Sequence[Field], containers: Containers, *, has_tags: bool) -> list[str]:
    """Return the lines that fill the body that is there, which has all the fields, and the tags."""
    whole = _whole_names(containers)
    lines = [store(field.spec, field.variable, whole) for field in fields]
    if has_tags:
        given = next((field.variable for field in fields if field.spec.name == "tags"), "()")
        lines.append(f"whole['tags'] = [*{given}, *tags]")
    return [*lines, "body, room = whole, whole_room"]


def _whole(fields: Sequence[Field]) -> dict[str, Any]:
    """Return the objects of a body, put into each other in the order of the careful way, and the room in its item."""
    containers = containers_of([field.spec for field in fields])
    objects: dict[tuple[str, ...], Body] = {path: {} for path in containers}
    for each in fields:
        objects.setdefault(each.spec.path[:-1], {})[each.spec.path[-1]] = "" if each.is_short else 0
    for path in filter(None, containers):
        objects[path[:-1]][path[-1]] = objects[path]
    named = {name: objects[path] for path, name in _whole_names(containers).items()}
    return {**named, "whole_room": SHORT + len(dumps(objects[()]))}


def _whole_names(containers: Containers) -> Containers:
    return {path: name.replace("body", "whole") for path, name in containers.items()}


def _ending(fields: Sequence[Field]) -> list[str]:
    is_long = " or ".join(condition for field in fields if (condition := _is_long(field))) or "False"
    others = [f" and not {field.variable}" for field in fields if field.spec.name in _OTHER_NAMES]
    return [
        "item = b'%b' % dumps(body)",  # a copy: orjson leaves 4 KB to each result, however short
        f"if len(item) > room and ({is_long}): raise FastPathMiss",
        f"return item, names if names{''.join(others)} else named(body)",
    ]


def _is_long(field: Field) -> str:
    """Return the condition that there is too long a text in a value that was taken for short; "" if it was measured."""
    value = field.variable
    if field.is_short:
        return f"len({value} or '') > {SHORT}"
    texts = f"[*{value}, *{value}.values()]" if field.holds_short(Mapping) else value
    if field.holds_short(Mapping) or field.holds_short(Sequence):
        return f"{value} and len(''.join({texts})) > {SHORT} and max(map(len, {texts})) > {SHORT}"
    return ""


def _indented(lines: Sequence[str]) -> list[str]:
    return [indent(line, "    ") for line in lines]
