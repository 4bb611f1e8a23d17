"""`python -m salesmanago_async.cli`."""

from . import main

main()
