"""Helpers that every package may use and that import none of them: tasks, signals, pickling, lenient JSON, names."""
