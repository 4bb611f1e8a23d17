"""The README, and the examples in it and in the docstrings of modules: they are run as they are pasted."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PACKAGE = ROOT / "salesmanago_async"


def examples_in(text: str) -> list[str]:
    """The examples in Python of a text in Markdown."""
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def readme_example(marker: str) -> str:
    """The one example of the README that has this in it."""
    (example,) = [code for code in examples_in(README) if marker in code]
    return example


def docstring_examples() -> dict[str, str]:
    """The examples that modules have in their docstrings, one at most in each: path within the package → code."""
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        examples = examples_in(ast.get_docstring(ast.parse(path.read_text())) or "")
        if examples:
            (found[path.relative_to(PACKAGE).as_posix()],) = examples
    return found


def docstring_example(module: str) -> str:
    """The example in the docstring of a module, which is named by its path within the package."""
    return docstring_examples()[module]
