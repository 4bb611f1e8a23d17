"""The first 1,024 bytes of a state file: what the state is of, the number of its rows, and a checksum of them."""

import sys
from collections.abc import Mapping
from typing import Any, Self
from zlib import crc32

import orjson
from attrs import asdict, evolve, frozen

from ..errors import Invalid
from .columns import KnownColumns, fingerprint

FORMAT = 3
READ_FORMATS = (1, 2, FORMAT)
"""1 had its rows in the order of their keys, and is read as a state of any other order. 2 had no parts."""
SIZE = 1024
"""The bytes of a header: one line of JSON, padded with spaces."""

_FORMAT_NAME = "salesmanago sync"
MARK = b'{"%b"' % _FORMAT_NAME.encode()
"""What a state file begins with."""
DAMAGED = "is damaged: it is not as it was written"


@frozen(kw_only=True)
class StateOf:
    """What a state belongs to.

    `account` is the server and the account: a state of another one is refused. `key` is the field that rows are known
    by. `has_names` says whether the state holds addresses, `has_parts` whether it holds digests of parts of each
    content, and `settings` what the content of a row depends on besides the row.
    """

    account: Mapping[str, Any]
    key: str
    has_names: bool
    settings: Mapping[str, Any]
    has_parts: bool = False


@frozen(kw_only=True)
class Header:
    """The header of a state file. `checksum` is the CRC-32 of everything after it; the line has its own one as well.

    `columns` are those of the last source. An older version reads a header with them, and passes over them.
    """

    of: StateOf
    rows: int
    checksum: int
    columns: KnownColumns = None

    def line(self) -> bytes:
        """Return the header as it is written, with a fingerprint of columns if their names do not fit.

        Raises `Invalid` if the rest does not fit.
        """
        values = {_FORMAT_NAME: FORMAT, "byte_order": sys.byteorder, **asdict(self)}
        if self.columns is None:
            del values["columns"]
        text = _with_checksum(values)
        if len(text) >= SIZE and self.columns and not isinstance(self.columns, str):
            return evolve(self, columns=fingerprint(self.columns)).line()
        if len(text) >= SIZE and self.columns:
            return evolve(self, columns=None).line()
        if len(text) >= SIZE:
            raise Invalid("the options of this sync are too long to be written into its state", field="state")
        return text.ljust(SIZE - 1) + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Return the header in a line; raise `ValueError` that says why it is none."""
        if not line.startswith(MARK):
            raise ValueError("is not the state of a sync")
        try:
            values = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise ValueError(DAMAGED) from None
        if values[_FORMAT_NAME] not in READ_FORMATS or values.get("byte_order") != sys.byteorder:
            raise ValueError("is the state of another version of this program, or of another kind of machine")
        if values.pop("own_checksum", None) != crc32(orjson.dumps(values)):
            raise ValueError(DAMAGED)
        return cls(
            of=StateOf(**values["of"]), rows=values["rows"], checksum=values["checksum"], columns=values.get("columns")
        )


def _with_checksum(values: Mapping[str, Any]) -> bytes:
    return orjson.dumps({**values, "own_checksum": crc32(orjson.dumps(values))})
