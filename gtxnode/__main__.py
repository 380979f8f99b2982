"""`python -m gtxnode` is the command line."""

from gtxnode.cli import main

main()
