"""Integrations with frameworks and other services. The library itself imports none of them: import what you use."""
