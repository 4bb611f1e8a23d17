"""What an executor imports to find out the credentials."""

import os
from collections.abc import Mapping


def of_the_demo_account() -> Mapping[str, str]:
    """Return the variables of the account, as a store of secrets would."""
    return {name: os.environ[name] for name in ("SALESMANAGO_CLIENT_ID", "SALESMANAGO_API_KEY")}


def with_a_sha() -> Mapping[str, str]:
    """Return a sha in place of the secret."""
    return {"SALESMANAGO_SHA": "5ha"}
