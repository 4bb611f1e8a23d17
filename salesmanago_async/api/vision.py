"""vision: products that look like a photo (reference: "API - Cinderella AI")."""

from typing import Annotated, Any

from attrs import field, frozen

from ..errors import Invalid
from .fields import JsonPath, Text
from .request import Answer, Part, Request

__all__ = ["FindSimilarProducts"]


@frozen(kw_only=True)
class SimilarProduct(Part):
    """A product of the feed; `score`, from 0 to 1, is its similarity to the photo."""

    id: str | None = None
    score: float | None = None


@frozen(kw_only=True)
class SimilarProducts(Answer):
    """`result` has the products, `status` the state of the search, `bq_errors` the number of wrong matches."""

    status: Annotated[str | None, JsonPath("vision.status")] = None
    photo: Annotated[str | None, JsonPath("vision.photo")] = None
    result: Annotated[tuple[SimilarProduct, ...], JsonPath("vision.result")] = ()
    bq_errors: Annotated[int | None, JsonPath("vision.bq_errors")] = None


@frozen
class FindSimilarProducts(Request[SimilarProducts]):
    """Find products that look like a photo (reference: "Getting product recommendations based on image recognition").

    `image_url` takes 2048 characters; SALESmanago must be able to reach it. `location` is the name of the shop in its
    product feed, with up to 64 characters. `max_results` is 1 to 30; the server's default is 10.
    """

    path = "vision"
    changes_nothing = True
    needs_owner = False
    image_url: Annotated[str, Text(2048, clearable=False)]
    location: Annotated[str, Text(64, clearable=False)] = field(kw_only=True)
    max_results: int | None = field(default=None, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` for a number of results that the reference does not allow."""
        if not 1 <= body.get("maxResults", 1) <= 30:
            raise Invalid(f"is {body['maxResults']}, 1 to 30 are allowed", field="maxResults")
