"""Measurements: ratios of things run side by side in one process, never absolute times."""
