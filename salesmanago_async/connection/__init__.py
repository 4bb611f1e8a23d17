"""The way from a request value to the bytes on a socket: sign, wait for a permit, send, read, retry."""
