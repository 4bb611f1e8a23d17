"""The rows of the table of targets, a module for each kind of work; targets.py lists them."""
