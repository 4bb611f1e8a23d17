"""What API v3 says of a wrong field of a product: in the answers to its calls, and later to a webhook."""

import re

from attrs import frozen

from .request import Part

WARNING, NOT_AUTHENTICATED, QUOTA = 12, 10, 19
"""Reason codes: what was sent is trimmed and accepted; the key is wrong, revoked or expired; the account is full."""
NO_MESSAGE = "no message"


@frozen(kw_only=True)
class ProductProblem(Part):
    """What is wrong with one field; `message` is "field|…|text" for most codes.

    `reason_code` is 10 for a key that does not work, 11 for content outside its limits, 12 for a warning, 13 for a
    missing field, 14 for a wrong type, 15 for what must be unique, 16 for an unknown id, 17 for null, 18 for a pattern
    that is not met, 19 for a quota.
    """

    reason_code: int | None = None
    message: str | None = None

    @property
    def is_warning(self) -> bool:
        """Whether the content was trimmed and accepted."""
        return self.reason_code == WARNING

    @property
    def field(self) -> str | None:
        """The path of the field, such as "products[3].name"; None for a problem of the whole request."""
        first, bar, _ = (self.message or "").partition("|")
        return first.partition(":")[0] if bar else None

    @property
    def is_about_catalog(self) -> bool:
        """Whether the catalogue is to blame, and none of the products."""
        return self.field == "catalogId"

    @property
    def index(self) -> int | None:
        """The position of the product in its request, counted from 0; None if the message names none.

        [likely] The first number in brackets is the position, however the rest of the path is spelled.
        """
        found = re.search(r"\[(\d+)\]", self.field or "")
        return int(found[1]) if found else None

    @property
    def text(self) -> str:
        """What is wrong in words, without the position: "name: Missing (reason code 13)"."""
        *path, what = (self.message or NO_MESSAGE).split("|")
        name = re.sub(r"^[^\[\]]*\[\d+\]\.?", "", path[0]) if path else ""
        code = [] if self.reason_code is None else [f"reason code {self.reason_code}"]
        notes = ", ".join([*path[1:], *code])
        return (f"{name}: " if name else "") + what + (f" ({notes})" if notes else "")

    @property
    def whole_text(self) -> str:
        """The message as it came, with the position, and the reason code: "products[3].name|Missing (13)"."""
        return (self.message or NO_MESSAGE) + ("" if self.reason_code is None else f" ({self.reason_code})")
