"""Rows from anywhere: files, iterables and whatever else an import is given."""
