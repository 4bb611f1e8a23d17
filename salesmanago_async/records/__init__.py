"""Turns a record in any form (a value, a mapping or a row) into checked bytes and the names of its contact."""
