"""From a file link to records, and from records to a file."""
