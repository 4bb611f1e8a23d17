"""`python -m salesmanago_async`: the command line."""

from .cli import main

main()
