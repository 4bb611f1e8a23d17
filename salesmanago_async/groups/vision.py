"""`sm.vision`: find products that look like a photo."""

from ..api.vision import FindSimilarProducts
from .group import Group, call


class Vision(Group):
    """Calls about photos (reference: "API - Cinderella AI")."""

    find_similar = call(FindSimilarProducts)
