"""Names as people write them, made comparable."""

import re
from functools import lru_cache


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """Return a name without case and separators: "Lead URL", lead_url and lead.url are one name."""
    return re.sub(r"[\W_]", "", name).casefold()
