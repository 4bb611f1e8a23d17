"""Rows from files, iterables and any other source of an import."""
