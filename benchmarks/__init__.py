"""Measurements: ratios of things that run side by side. Only one row has absolute times."""
