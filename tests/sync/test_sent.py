"""What the next state knows of the rows that a run has sent."""

from pathlib import Path
from sys import byteorder

import pytest

from salesmanago_async.sync.known import NEVER_ACCEPTED, NO_ROW, UNKNOWN
from salesmanago_async.sync.sent import ACCEPTED, MAYBE_THERE, NOT_THERE, SentRows

KEY = 1 << 60


@pytest.mark.parametrize(
    ("if_not_accepted", "arrivals", "content"),
    [
        (NO_ROW, [ACCEPTED], 70),
        (NO_ROW, [MAYBE_THERE], NEVER_ACCEPTED),
        (NO_ROW, [NOT_THERE], None),
        (NO_ROW, [], None),
        (NO_ROW, [ACCEPTED, NOT_THERE], NEVER_ACCEPTED),
        (NO_ROW, [MAYBE_THERE, NOT_THERE], NEVER_ACCEPTED),
        (NO_ROW, [NOT_THERE, NOT_THERE], None),
        (NO_ROW, [NOT_THERE, ACCEPTED], 71),
        (NEVER_ACCEPTED, [NOT_THERE], NEVER_ACCEPTED),
        (UNKNOWN, [NOT_THERE], UNKNOWN),
        (UNKNOWN, [ACCEPTED], 70),
    ],
)
def test_what_is_known_of_a_key(tmp_path: Path, if_not_accepted: int, arrivals: list[int], content: int | None) -> None:
    sent = SentRows(tmp_path / "sent", has_names=False)
    sent.begin()
    for number in range(max(1, len(arrivals))):
        sent.add(b"".join(each.to_bytes(8, byteorder) for each in (KEY, 70 + number, if_not_accepted)), "")
    sent.add_rejected()
    sent.close()
    found = [(row.key, row.content) for row in sent.last_of_each_key(bytearray(arrivals))]
    assert found == ([] if content is None else [(KEY, content)])
