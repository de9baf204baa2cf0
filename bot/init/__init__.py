"""`waggle init`: what a repository says about itself, and the two files that Waggle needs to work on it.

address.py    a remote's address, taken apart
commands.py   how it is installed and verified, from its own files
plan.py       all of it together, with what a person answered
writing.py    the text of waggle.toml and .env, and putting them there without overwriting
"""
