"""Everything between a request as a value and the bytes on a socket: sign, wait for a permit, send, read, try again."""
