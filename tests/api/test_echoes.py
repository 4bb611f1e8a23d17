"""The repr of an answer that echoes its request shows no credentials."""

from typing import Any

import pytest
from attrs import asdict

from salesmanago_async.api.codec import read_leniently
from salesmanago_async.api.request import Answer, Part

SECRET = "a-secret-of-ours"


@pytest.mark.parametrize("kind", [Answer, Part])
@pytest.mark.parametrize(
    "echo",
    [
        {"apiKey": SECRET, "sha": SECRET},
        {"request": {"api_secret": SECRET, "clientId": "shop-1"}},
        {"requests": [{"token": SECRET}, {"Password": SECRET}]},
        {"fileUrl": f"https://files.example.com/1?Signature={SECRET}"},
    ],
)
def test_an_echoed_credential_is_not_shown(kind: type, echo: dict[str, Any]) -> None:
    answer: Any = read_leniently(kind, {"favouriteColour": "green", **echo})
    assert "green" in repr(answer)
    assert SECRET not in repr(answer) + str(answer)
    assert SECRET in str(asdict(answer)), "it is there for whoever asks for it"
