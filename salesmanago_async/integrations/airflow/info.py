"""What Airflow knows of this provider before it imports any of it: the entry point `apache_airflow_provider`."""

from typing import Any

ROOM = "salesmanago_async.integrations.airflow"
CONNECTION_TYPE = "salesmanago"


def get_provider_info() -> dict[str, Any]:
    """Return the description of the provider, with the form of its connections."""
    integration = "SALESmanago"
    return {
        "package-name": "salesmanago-async",
        "name": integration,
        "description": "Bulk imports, exports and server jobs of SALESmanago.",
        "integrations": [{"integration-name": integration, "external-doc-url": "https://www.salesmanago.com"}],
        "hooks": [{"integration-name": integration, "python-modules": [f"{ROOM}.hook"]}],
        "operators": [{"integration-name": integration, "python-modules": [f"{ROOM}.operators"]}],
        "triggers": [{"integration-name": integration, "python-modules": [f"{ROOM}.triggers"]}],
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-class-name": f"{ROOM}.hook.SalesManagoHook",
                "hook-name": integration,
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port", "extra"],
                    "relabeling": {"host": "Base address", "login": "Client id", "password": "API secret"},
                    "placeholders": {"host": "https://app2.salesmanago.com"},
                },
                "conn-fields": {
                    "api_key": _field("API key", secret=True),
                    "sha": _field("SHA, in place of the API secret", secret=True),
                    "owner": _field("Owner (e-mail address)"),
                    "products_key": _field("Key of API v3, for products", secret=True),
                    "products_url": _field("Address of API v3"),
                },
            }
        ],
    }


def _field(label: str, *, secret: bool = False) -> dict[str, Any]:
    kind: dict[str, Any] = {"type": ["string", "null"]}
    return {"label": label, "schema": {**kind, "format": "password"} if secret else kind}
