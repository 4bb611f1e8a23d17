"""The documented versions of Python agree with those that .ci/pythons runs."""

import re
import tomllib

from tests.readme import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN = re.search(r'^VERSIONS="(.*)"$', (ROOT / ".ci" / "pythons").read_text(), re.MULTILINE)


def test_the_suite_runs_on_every_version_that_is_named() -> None:
    assert RUN
    versions = RUN[1].split()
    named = [line.removeprefix("Programming Language :: Python :: ") for line in PROJECT["project"]["classifiers"]]
    assert [name for name in named if re.fullmatch(r"3\.\d+", name)] == versions[: -len(["3.14"])]
    assert PROJECT["project"]["requires-python"] == f">={versions[0]}"
    assert PROJECT["tool"]["pyright"]["pythonVersion"] == versions[0]
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{versions[0].replace('.', '')}"
