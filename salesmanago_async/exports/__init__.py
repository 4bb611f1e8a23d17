"""Exports: from the link to a file to its records, and from records to a file of the caller."""
