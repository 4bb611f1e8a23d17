"""Compiled encoders: one generated function that turns a record into the bytes of its body and its contact's names.

Nearly all records of a source have the same fields with the usual kinds of content: short text, an address like
ann@example.com, a list of tags. From these fields a function is generated that assumes such content, and checks the
assumption:

    [v0, v1, v2] = row.values()
    v0 = v0.strip()                                                 short text, the commonest kind
    if not (v1 is True or v1 is False) and v1 is not None: ...      any other kind: usual, or written by its writer
    if v2.__class__ is str: v2 = memo_v2[v2]                        birthdays and the like are written once and memoized
    if v0 and v1 is not None and v2 is not None:
        template1['name'] = v0                                      no field is absent: the body of the last such
        template['forceOptIn'] = v1                                 record is filled again
        ...
    else: ...                                                       absent fields are left out
    item = dumps(body)
    if len(item) > safe_length and (len(v0 or '') > 255): raise FastPathMiss    only a long item can hold a long text
    return item, names

Everything else takes the slow path (api/codegen.py), which gets the whole record, and encodes it or explains what is
wrong with it. So all rules are defined there, and this module only guesses which content satisfies them. Both paths
produce the same bytes (a test checks this).

Because its body is filled again, a compiled encoder belongs to one run and encodes one record at a time.

What a field of short text has is known to be text (a cell), or is checked, and in mappings also trimmed. Most fields of
mappings have text in every record. To trim them is to check them: what has no `strip` is no text. The first record in
which that fails makes its encoder be compiled again, with a check.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from textwrap import indent
from typing import Any, TypeAlias, cast, get_args, get_origin

import orjson
from attrs import field, frozen

from ..api.codec import dumps
from ..api.codegen import Body, Containers, FieldSpec, close_containers, containers_of, limit_of, open_containers, store
from ..api.fields import CLEAR, EARLIEST_MS, LATEST_MS, USUAL_EMAIL, Form, JsonPath, Text, Writer, split_annotation
from ..api.text_values import text_of
from .cell_lists import MARKS
from .names import Names, canonical
from .values import Plain, Trim

Encoded: TypeAlias = tuple[bytes, Names]
Encode: TypeAlias = Callable[[Any], Encoded]
"""Turns a record into its JSON object and the names of its contact; raises `Invalid` naming the field and the rule."""

SHORT = 255
MOST_KNOWN = 2_000
"""The most texts of lists, and lists as text, that are memoized for a field."""
_OTHER_NAMES = frozenset({"contact_id", "new_email"})
"""Fields that give a contact other names than its address."""


_USUAL = {
    Form.EMAIL: "{0}.__class__ is str and is_usual_email({0})",
    Form.EVENT_TIME: "{0}.__class__ is int and EARLIEST_MS <= {0} <= LATEST_MS",
    Form.NUMBER: "({0}.__class__ is int or {0}.__class__ is float) and -1e19 < {0} < 1e19",  # not so for nan
}


class FastPathMiss(Exception):
    """The record must take the slow path."""


class Memo(dict[str, Any]):
    """Memoizes what is written for a text: the writer is called for a new text only, and the first `most` are kept."""

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
    """What all compiled encoders of one run share.

    `slow_path` encodes the records that a compiled encoder does not expect. `names_of` returns the names of the contact
    of a body, or raises `Invalid` if there are none. `tags` are added to the tags of each record. `plain` converts the
    values of databases and frames (None: there are none). `trim` is applied to each text (None: to none): `str.strip`,
    or a function that returns "" for a text that means absent. `memos` has a memo for each field.
    """

    slow_path: Encode
    names_of: Callable[[Body], Names]
    tags: Sequence[str]
    plain: Plain | None = None
    trim: Trim | None = None
    memos: dict[str, Memo] = field(factory=dict, init=False)


@frozen
class Field:
    """A field of the records, and the variable of the generated function that holds its value."""

    variable: str
    spec: FieldSpec

    @property
    def is_short(self) -> bool:
        """Whether the field is short text: the commonest kind, which is written unchanged."""
        return self.spec.limit == SHORT

    @property
    def is_address(self) -> bool:
        """Whether the field is the address that names the contact."""
        return self.spec.name == "email"

    @property
    def takes_text(self) -> bool:
        """Whether text of a suitable length is written unchanged."""
        return self.text is not None and self._form in {None, Form.COMMA_LIST}

    @property
    def may_hold_list(self) -> bool:
        """Whether a text of the field may be a list in another form than with commas, which its writer reads."""
        return self._form is Form.COMMA_LIST

    @property
    def is_other_name(self) -> bool:
        """Whether the field gives the contact another name than its address."""
        return self.spec.name in _OTHER_NAMES

    @property
    def text(self) -> Text | None:
        """The rule for the length of the text, if there is no other rule."""
        found = next((item for item in self.spec.metadata if isinstance(item, Text)), None)
        return found if found and found.limit and not found.pattern else None

    @property
    def _form(self) -> Form | None:
        return next((item for item in self.spec.metadata if isinstance(item, Form)), None)

    def is_usual(self, trim: Trim | None) -> str:
        """Return a condition that is true only if the value is written unchanged; text is trimmed in it.

        It may be false for other values that are written unchanged.
        """
        value = self.variable
        if self.text and self.takes_text:
            text = f"{value} := {_trimmed(value, trim)}" if trim else value
            usual = f"{value}.__class__ is str and {self.text.least} <= len({text}) <= {self.text.limit}"
            return f"{usual} and {value}[0] not in LIST_MARKS" if self.may_hold_list else usual
        if self.spec.kind is bool:
            return f"{value} is True or {value} is False"
        return _USUAL[self._form].format(value) if self._form in _USUAL else "False"

    def holds_short(self, kind: type) -> bool:
        """Return whether the field is a sequence (or mapping) of short text without any other rule."""
        if get_origin(self.spec.kind) is not kind or not all(isinstance(item, JsonPath) for item in self.spec.metadata):
            return False
        return limit_of(split_annotation(get_args(self.spec.kind)[-1])[1]) == SHORT

    @property
    def memo_size(self) -> int:
        """How many texts are memoized: 0, unless checking is expensive and many records share the same texts."""
        if self.holds_short(Sequence):
            return MOST_KNOWN
        has_pattern = any(isinstance(item, Text) and item.pattern for item in self.spec.metadata)
        return 20_000 if has_pattern or self.spec.kind is bool or Form.BIRTHDAY in self.spec.metadata else 0

    @property
    def is_present(self) -> str:
        """The condition that the checked value is present."""
        return self.variable if self.is_short else f"{self.variable} is not None"

    @property
    def min_bytes(self) -> int:
        """The fewest bytes that the field takes in an item, whatever its value."""
        return len(self.spec.path[-1]) + len('"":"",' if self.is_short else '"":0,')


def compiled_encoder(
    fields: Sequence[Field],
    context: EncoderContext,
    *,
    opening: Sequence[str],
    texts: Collection[str] = (),
    untested: Collection[str] = (),
    names: Mapping[str, Any] | None = None,
) -> Encode:
    """Generate the encoder for records of these fields; the lines of `opening` set the fields' variables from `row`.

    `texts` are the variables whose values are text or None, trimmed, without a check. `untested` are those that are
    trimmed without a test: for a record in which one of them has no text, the result is that of `names["tested"]`.
    `names` are the objects that the opening uses.
    """
    fields = sorted(fields, key=lambda field: field.spec.appends)  # the order of the slow path
    short = [field.variable for field in fields if field.is_short]
    known = {*texts, *untested}
    trims = _trim_untested([variable for variable in short if variable in untested])
    others = [field for field in fields if not (field.is_short and field.variable in known)]
    checks = [line for field in others for line in _check(field, context.trim)]
    body = _body(fields, has_tags=bool(context.tags))
    lines = _indented(["names = None", *opening, *trims, *checks, *body, *_finish(fields)])
    guarded = ["try:", *lines, "except Exception: pass"]  # the slow path raises a proper error if there is one
    source = "\n".join(["def encode(row):", *_indented([*guarded, "return slow_path(row)"])])
    namespace = {
        **_GLOBALS,
        **(names or {}),
        "slow_path": context.slow_path,
        "names_of": context.names_of,
        "tags": context.tags,
        "short": _short_text(context.plain),
        "trim": context.trim,
    }
    namespace |= _template(fields)
    for each in fields:
        write = _plain_writer(each.spec.write, context.plain) if context.plain else each.spec.write
        memo = context.memos.setdefault(each.spec.name, Memo(write, each.memo_size))
        namespace |= {f"write_{each.variable}": write, f"memo_{each.variable}": memo, f"known_{each.variable}": set()}
    exec(compile(source, "<compiled encoder>", "exec"), namespace)  # noqa: S102 - only quoted names and numbers get in
    return cast("Encode", namespace["encode"])


_GLOBALS: dict[str, Any] = {
    "CLEAR": CLEAR,
    "EARLIEST_MS": EARLIEST_MS,
    "LATEST_MS": LATEST_MS,
    "LIST_MARKS": MARKS,
    "FastPathMiss": FastPathMiss,
    "canonical": canonical,
    "dumps": orjson.dumps,
    "is_usual_address": re.compile(USUAL_EMAIL.pattern.replace("A-Z", "")).fullmatch,  # in lower case only
    "is_usual_email": USUAL_EMAIL.fullmatch,
    "PLAIN_CLASSES": orjson.OPT_PASSTHROUGH_SUBCLASS,  # an error for CLEAR, which is a str, and for its like
}


def _short_text(plain: Plain | None) -> Callable[[Any], str | None]:
    """Return the function that returns the text of a value that is not text; it may raise any error."""

    def short(value: Any) -> str | None:
        text = value if plain is None else plain(value)
        if text.__class__ is str or text is None:
            return text
        if isinstance(text, str) or (text := text_of(text)) is None:  # CLEAR is such a str, which is sent as ""
            raise FastPathMiss
        return text

    return short


def _plain_writer(write: Writer, plain: Plain) -> Writer:
    """Return the writer of values of databases and frames; it returns None for an absent value."""

    def written(value: Any) -> Any:
        given = plain(value)
        return None if given is None or given == "" else write(given)

    return written


def _trim_untested(variables: Sequence[str]) -> list[str]:
    """Return the lines that trim variables which are expected to be text."""
    if not variables:
        return []
    trims = _indented([f"{variable} = {variable}.strip()" for variable in variables])
    return ["try:", *trims, "except AttributeError: return tested(row)"]


def _trimmed(value: str, trim: Trim) -> str:
    """Return the expression of a text that is trimmed: a method is called in half the time of a function."""
    return f"{value}.strip()" if trim is str.strip else f"trim({value})"


def _check(field: Field, trim: Trim | None) -> list[str]:
    """Return the lines that leave the field's content in its variable; None, or "" of short text, is absent."""
    value = field.variable
    if field.is_short and trim:
        trimmed = _trimmed(value, trim)
        return [f"if {value} is not None: {value} = {trimmed} if {value}.__class__ is str else short({value})"]
    if field.is_short:
        return [f"if {value}.__class__ is not str and {value} is not None: {value} = short({value})"]
    # what is memoized is trimmed by its writer, and a usual address has no spaces, but may mean absent
    may_be_absent = trim not in {None, str.strip} and not field.memo_size
    trims = [f"if {value}.__class__ is str: {value} = trim({value})"] if may_be_absent else []
    if field.is_address:
        return [
            *trims,
            f"if {value}.__class__ is str and is_usual_address({value}): names = ({value},)",
            "else:",
            f"    if {value} is not None: {_write(field)}",
            f"    names = (canonical({value}),) if {value} else None",
        ]
    unless_usual = f"if not ({field.is_usual(trim)}) and {value} is not None: {_write(field)}"
    lines = _check_parts(field, trim, unless_usual) or [unless_usual]
    if field.memo_size:
        return [f"if {value}.__class__ is str: {value} = memo_{value}[{value}]", f"el{lines[0]}", *lines[1:]]
    return [*trims, *lines]


def _check_parts(field: Field, trim: Trim | None, unless_usual: str) -> list[str]:
    """Return these lines for a value that consists of texts; no lines for any other field.

    Texts that were checked in a list are known then: many records share them.
    """
    value = field.variable
    is_odd = f"part != {_trimmed('part', trim)}" if trim else "part.__class__ is not str"  # what is no text is an error
    check = f"    if {is_odd} or not part: raise FastPathMiss"
    otherwise = f"elif {value} is not None: {_write(field)}"
    if field.holds_short(Sequence):
        check_all = [
            f"for part in {value}:",
            check,
            f"if len(known_{value}) < {MOST_KNOWN}: known_{value}.update({value})",
        ]
        unless_known = [f"if not known_{value}.issuperset({value}):", *_indented(check_all)]
        return [f"if {value}.__class__ is list:", *_indented(unless_known), otherwise]
    if field.holds_short(Mapping):
        is_usual = f"{value}.__class__ is dict and '' not in {value}"
        return [f"if {is_usual}:", f"    for part in {value}.values():", f"    {check}", otherwise]
    if Form.COMMA_LIST in field.spec.metadata:
        is_usual = f"{value}.__class__ is list and {value} and '' not in {value} and CLEAR not in {value}"
        is_trimmed = f" and {value} == [{_trimmed('part', trim)} for part in {value}]" if trim else ""
        return [f"if {is_usual}{is_trimmed}: {value} = ','.join({value})", unless_usual]
    return []


def _write(field: Field) -> str:
    """Return the statement that passes a value, which may be unusual, to the field's writer."""
    return f"{field.variable} = None if {field.variable} == '' else write_{field.variable}({field.variable})"


def _body(fields: Sequence[Field], *, has_tags: bool) -> list[str]:
    """Return the lines that build the body, and the item length up to which no text in it can be too long."""
    containers = containers_of([field.spec for field in fields])
    in_pieces = [*open_containers(containers), f"safe_length = {SHORT}"]
    for each in fields:
        in_pieces.append(
            f"if {each.is_present}: {store(each.spec, each.variable, containers)}; safe_length += {each.min_bytes}"
        )
        in_pieces += ["else: raise FastPathMiss"] if each.spec.required else []
    in_pieces += close_containers(containers)
    in_pieces += ["body['tags'] = [*body.get('tags', ()), *tags]"] if has_tags else []
    if merges(fields) or any(field.spec.appends for field in fields):
        return in_pieces
    nothing_is_absent = " and ".join(field.is_present for field in fields) or "True"
    filled = _fill_template(fields, containers, has_tags=has_tags)
    return [f"if {nothing_is_absent}:", *_indented(filled), "else:", *_indented(in_pieces)]


def merges(fields: Sequence[Field]) -> bool:
    """Return whether one of the fields is an object that other fields are stored in."""
    containers = containers_of([field.spec for field in fields])
    return any(field.spec.path in containers for field in fields)


def _fill_template(fields: Sequence[Field], containers: Containers, *, has_tags: bool) -> list[str]:
    """Return the lines that fill the template body, which has all the fields, and the tags."""
    template = _template_names(containers)
    lines = [store(field.spec, field.variable, template) for field in fields]
    if has_tags:
        given = next((field.variable for field in fields if field.spec.name == "tags"), "()")
        lines.append(f"template['tags'] = [*{given}, *tags]")
    return [*lines, "body, safe_length = template, template_safe_length"]


def _template(fields: Sequence[Field]) -> dict[str, Any]:
    """Return the nested objects of a body, in the order of the slow path, and the safe length of its item."""
    specs = [field.spec for field in fields]
    objects = nested_objects(specs, ["" if field.is_short else 0 for field in fields])
    named = {name: objects[path] for path, name in _template_names(containers_of(specs)).items()}
    return {**named, "template_safe_length": SHORT + len(dumps(objects[()]))}


def nested_objects(specs: Sequence[FieldSpec], contents: Sequence[Any]) -> dict[tuple[str, ...], Body]:
    """Return the nested objects of a body with these contents, by path, in the order of the slow path."""
    containers = containers_of(specs)
    objects: dict[tuple[str, ...], Body] = {path: {} for path in containers}
    for spec, content in zip(specs, contents, strict=True):
        objects.setdefault(spec.path[:-1], {})[spec.path[-1]] = content
    for path in filter(None, containers):
        objects[path[:-1]][path[-1]] = objects[path]
    return objects


def _template_names(containers: Containers) -> Containers:
    return {path: name.replace("body", "template") for path, name in containers.items()}


def _finish(fields: Sequence[Field]) -> list[str]:
    is_long = " or ".join(condition for field in fields if (condition := _is_long(field))) or "False"
    others = [f" and not {field.variable}" for field in fields if field.is_other_name]
    return [
        "item = b'%b' % dumps(body, None, PLAIN_CLASSES)",  # a copy: orjson reserves 4 KB for each result
        f"if len(item) > safe_length and ({is_long}): raise FastPathMiss",
        f"return item, names if names{''.join(others)} else names_of(body)",
    ]


def _is_long(field: Field) -> str:
    """Return the condition that a value which was assumed to be short is too long; "" if its length was checked."""
    value = field.variable
    if field.is_short:
        return f"len({value} or '') > {SHORT}"
    texts = f"[*{value}, *{value}.values()]" if field.holds_short(Mapping) else value
    if field.holds_short(Mapping) or field.holds_short(Sequence):
        return f"{value} and len(''.join({texts})) > {SHORT} and max(map(len, {texts})) > {SHORT}"
    return ""


def _indented(lines: Sequence[str]) -> list[str]:
    return [indent(line, "    ") for line in lines]
