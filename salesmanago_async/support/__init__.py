"""Helpers that every package may use, and that import none of them: tasks, signals, processes, lenient JSON, names."""
