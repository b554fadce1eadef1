"""`python -m devdeck` is `devdeck`."""

from devdeck.cli.main import main

main()
