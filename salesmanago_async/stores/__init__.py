"""What lasts: journals of runs and queues of buffers, as values, and the store that writes them."""
