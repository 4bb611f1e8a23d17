"""What clients send that the reference does not name: passed over and counted, each field logged once."""

import logging
from collections import Counter
from collections.abc import Iterable

from attrs import define, field

_log = logging.getLogger("salesmanago_async.simulator")

_OLD_DOUBLE_OPT_IN = (
    "apiDoubleOptInEmailTemplateId",
    "apiDoubleOptInEmailAccountId",
    "apiDoubleOptInEmailSubject",
)
EXPECTED: dict[str, frozenset[str]] = {
    "contact/upsert": frozenset(_OLD_DOUBLE_OPT_IN),
    "contact/batchupsertv2": frozenset({"internalIntegration", "upsertDetails.owner", *_OLD_DOUBLE_OPT_IN}),
    "contact/basic": frozenset({"async"}),
    "v2/contact/addContactExtEvent": frozenset({"forceOptIn"}),
    **dict.fromkeys(
        ("contact/batchAddContactExtEvent", "v2/contact/addBatchContactExtEvent"), frozenset({"events.forceOptIn"})
    ),
    "contact/delete": frozenset({"permanently"}),  # [likely]
    "contact/addContactCoupon": frozenset({"owner"}),  # [likely]
    "user/listByClient": frozenset({"owner"}),
}
"""Path → fields that the vendor's own clients send, and that no table of the reference has: not worth a report."""


@define
class UndocumentedFields:
    """How many calls had each undocumented field, by path and dotted name."""

    counts: Counter[tuple[str, str]] = field(factory=Counter)

    def report(self, path: str, names: Iterable[str]) -> tuple[str, ...]:
        """Count and return the undocumented fields of one call. The first call with a field is logged as a warning."""
        unexpected = tuple(name for name in names if name not in EXPECTED.get(path, ()))
        for name in unexpected:
            if not self.counts[path, name]:
                _log.warning("%s: %s is not a documented field; it is passed over", path, _shown(name))
            self.counts[path, name] += 1
        return unexpected


def _shown(name: str) -> str:
    return name[:80] if name.isprintable() else repr(name)[:80]
