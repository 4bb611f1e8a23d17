"""The README, whose examples are run as they are pasted."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def readme_example(marker: str) -> str:
    """The one example in Python that has this in it."""
    examples: list[str] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (example,) = [code for code in examples if marker in code]
    return example
