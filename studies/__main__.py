"""`python -m studies`."""

from studies.cli.app import main

main()
