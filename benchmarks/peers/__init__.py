"""What a careful programmer writes instead: a fast client, a fast codec, a task group and a semaphore."""
