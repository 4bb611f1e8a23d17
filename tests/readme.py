"""The README, whose examples are run unchanged."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def readme_example(marker: str) -> str:
    """The only Python example that contains this text."""
    examples: list[str] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (example,) = [code for code in examples if marker in code]
    return example
