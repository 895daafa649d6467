"""`python -P -m verifier.cli`: the command where no script is installed, or to be trusted."""

from verifier.cli.main import main

main()
