"""A command has the garbage collector come seldom, and leaves it as it was."""

import gc

import pytest

from salesmanago_async import Invalid
from salesmanago_async.cli._collector import THRESHOLDS
from salesmanago_async.cli._run import run


async def seen() -> tuple[tuple[int, int, int], bool]:
    return gc.get_threshold(), gc.get_freeze_count() > 0


async def failing() -> None:
    raise Invalid("is wrong")


@pytest.mark.usefixtures("unfrozen")
def test_while_a_command_runs_it_comes_seldom_and_then_as_before() -> None:
    before = (gc.get_threshold(), gc.get_freeze_count())
    assert before[0] != THRESHOLDS
    assert run(seen) == (THRESHOLDS, True)
    assert (gc.get_threshold(), gc.get_freeze_count()) == before
    with pytest.raises(SystemExit):
        run(failing)
    assert (gc.get_threshold(), gc.get_freeze_count()) == before
