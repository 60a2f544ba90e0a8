"""`python -m studies.cli`."""

from studies.cli.app import main

main()
