"""The account and the pace of an import, as its journal keeps them; secrets stay in the environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from attrs import asdict, evolve, frozen

from ..settings import joined_environment
from ..stores.addresses import hide_passwords
from .env_file import read_env_file


@frozen(kw_only=True)
class ClientOptions:
    """The options of a client that the command line takes; None is an option that was not given."""

    simulate: bool = False
    env_file: Path | None = None
    owner: str | None = None
    base_url: str | None = None
    concurrency: int | None = None
    rate: float | None = None
    poll_interval: float | None = None
    quota: str | None = None

    def over(self, others: Self) -> Self:
        """Return the other options, replaced by those that are given here."""
        return evolve(others, **self._given())

    def arguments(self) -> list[str]:
        """Return the given options as arguments of a command line, without passwords."""
        given = self._given()
        flags = ["--simulate"] if given.pop("simulate", False) else []
        texts = [(f"--{name.replace('_', '-')}", hide_passwords(str(value))) for name, value in given.items()]
        return flags + [text for pair in texts for text in pair]

    def _given(self) -> dict[str, Any]:
        return asdict(self, filter=lambda _, value: value is not None and value is not False)

    def environ(self) -> Mapping[str, str]:
        """Return the environment; variables that are not set there come from `env_file`, if it is given.

        The file's secret or sha is not taken if either of them is set in the environment.
        """
        if self.env_file is None:
            return os.environ
        return joined_environment(os.environ, read_env_file(self.env_file))
