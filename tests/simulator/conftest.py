"""Fixtures for tests of the simulator."""

from collections.abc import Iterator

import pytest

from tests.simulator.sockets import Served, serving


@pytest.fixture
def served(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[Served]:
    """A served simulator that must log nothing until its end."""
    with serving() as served:
        yield served
    assert capfd.readouterr().err == ""
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []
