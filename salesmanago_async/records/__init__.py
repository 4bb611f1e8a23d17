"""A record in any form, a value, a mapping or a row, becomes checked bytes and the names of its contact."""
