"""What has happened, as values: each is one log record, with its logger, its level, its words and its fields.

A field is a number, a path of the API, a word of this library or the name of a class: never a text of a server, a
record, an address or a credential. That is how logs, spans and metrics stay free of them.
"""

import logging
import re
from functools import cache
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import fields, frozen

Logger: TypeAlias = Literal["runs", "connection", "jobs", "buffers"]

INFO, WARNING, ERROR, DEBUG = logging.INFO, logging.WARNING, logging.ERROR, logging.DEBUG


@frozen(kw_only=True)
class Event:
    """Something that has happened. `template` is filled with the fields, whose names in it begin with `sm_`."""

    logger: ClassVar[Logger]
    level: ClassVar[int] = WARNING
    template: ClassVar[str]

    def words(self) -> str:
        """Return the template of this value."""
        return self.template

    def severity(self) -> int:
        """Return the level of this value."""
        return self.level

    def facts(self) -> dict[str, Any]:
        """Return the fields that are known, by their names in log records."""
        known = {f"sm_{one.name}": getattr(self, one.name) for one in fields(type(self))}
        name = in_snake_case(type(self).__name__)
        return {"sm_event": name, **{name: value for name, value in known.items() if value is not None}}


@cache
def in_snake_case(name: str) -> str:
    """Return "run_ended" for "RunEnded"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
