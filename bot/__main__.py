"""`python -m bot` is `waggle`."""

from bot.cli import main

main()
