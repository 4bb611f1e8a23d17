"""`salesmanago check`: all four items at once, with what to do about each that is wrong."""

import subprocess
from collections.abc import Callable, Sequence

import pytest

from salesmanago_async import Invalid, NoAnswer, NotAuthenticated, SalesManagoError
from salesmanago_async.cli.check import Finding, findings, unsettled

Command = Callable[..., subprocess.CompletedProcess[str]]

OWNER, USERS = "me@shop.pl", ["me@shop.pl", "you@shop.pl"]
REFUSED = NotAuthenticated(["Not authenticated"])
SILENT = NoAnswer("app2.salesmanago.com cannot be reached: no connection could be made", sent=False)


def shown(found: Sequence[Finding]) -> list[str]:
    """The list as it is printed, with a ! where something is to do."""
    return [f"{one.item}: {one.text}{' !' if one.do else ''}" for one in found]


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("users", "owner", "offset", "expected"),
    [
        (USERS, OWNER, 0.5, ["host: ok", "credentials: ok", "owner: ok, me@shop.pl", "clock: ok"]),
        (
            USERS,
            "other@shop.pl",
            -900.0,
            ["host: ok", "credentials: ok", "owner: no user of the account !", "clock: 900 s ahead !"],
        ),
        (USERS, None, None, ["host: ok", "credentials: ok", "owner: not set !", "clock: not known: "]),
        (
            REFUSED,
            OWNER,
            900.0,
            ["host: ok", "credentials: refused !", "owner: not tried: the credentials", "clock: 900 s behind !"],
        ),
        (
            NotAuthenticated(["no such owner"]),
            OWNER,
            0.0,
            ["host: ok", "credentials: not known", "owner: refused !", "clock: ok"],
        ),
        (
            SILENT,
            OWNER,
            None,
            ["host: no usable answer !", "credentials: not tried: ", "owner: not tried: ", "clock: not tried: "],
        ),
    ],
)
def test_each_item_is_found_right_wrong_or_not_tried(
    users: Sequence[str] | SalesManagoError, owner: str | None, offset: float | None, expected: list[str]
) -> None:
    found = shown(findings(users, owner=owner, offset=offset, uses_sha=False))
    assert len(found) == 4
    assert [line for line, begin in zip(found, expected, strict=True) if not line.startswith(begin)] == []


def test_what_to_do_is_said_for_each_item_that_is_wrong() -> None:
    advice = [one.do or "" for one in findings(USERS, owner="other@shop.pl", offset=-900.0, uses_sha=False)]
    assert advice[:2] == ["", ""]
    assert "set SALESMANAGO_OWNER to one of the account's users: me@shop.pl, you@shop.pl" in advice[2]
    assert "have the system set it automatically" in advice[3]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("credentials", "credentials"), ("SALESMANAGO_API_SECRET", "credentials"), ("base_url", "host")],
)
def test_a_setting_that_cannot_be_used_is_named_and_nothing_is_sent(field: str, wrong: str) -> None:
    found = {one.item: one for one in unsettled(Invalid("set it", field=field))}
    assert [*found] == ["host", "credentials", "owner", "clock"]
    assert [item for item, one in found.items() if one.do] == [wrong]
    assert all("not tried: nothing was sent" in one.text for item, one in found.items() if item != wrong)


@pytest.mark.ci
def test_the_command_prints_all_four_whatever_is_wrong(salesmanago: Command) -> None:
    for environ in (
        {"SALESMANAGO_API_SECRET": "wrong"},
        {"SALESMANAGO_API_SECRET": ""},
        {"SALESMANAGO_BASE_URL": "http://127.0.0.1:1"},
        {"SALESMANAGO_OWNER": "nobody@vendor.pl"},
    ):
        done = salesmanago("check", environ=environ)
        assert done.returncode == 2
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["host", "credentials", "owner", "clock"]
        assert done.stderr.startswith("salesmanago: ")
