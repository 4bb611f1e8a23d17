"""The one call that is not signed, and answers with secrets that must not be shown."""

import pytest

from salesmanago_async import api
from salesmanago_async.api.codec import read_leniently
from salesmanago_async.api.preference_center import PreferenceCenterEndpoint
from salesmanago_async.api.system import Authorise, Authorised
from salesmanago_async.errors import Invalid


def test_only_the_login_is_not_signed() -> None:
    assert [path for path, known in api.REQUESTS.items() if not known.signed] == ["system/authorise"]


@pytest.mark.parametrize("field", ["userName", "password"])
def test_a_value_that_is_too_long_is_refused_and_not_shown(field: str) -> None:
    body = {"userName": "admin@vendor.pl", "password": "hidden", field: "hidden" * 50}
    with pytest.raises(Invalid) as caught:
        api.read_request("system/authorise", body)
    assert caught.value.field == field
    assert "hidden" not in str(caught.value)


def test_secrets_of_requests_and_answers_are_not_shown() -> None:
    token = read_leniently(Authorised, {"token": "hidden", "refreshToken": "hidden"})
    endpoint = read_leniently(PreferenceCenterEndpoint, {"endpoint": "https://x.pl/?key=hidden"})
    assert (token.token, endpoint.endpoint) == ("hidden", "https://x.pl/?key=hidden")
    for value in (Authorise("admin@vendor.pl", password="hidden"), token, endpoint):
        assert "hidden" not in repr(value)
