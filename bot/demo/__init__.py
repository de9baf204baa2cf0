"""The demo: real `waggle run` processes, each with its own playground, and people who act only through its pages.

runner.py      plays scenarios side by side, prints the talk as it happens, sums up
stage.py       one Waggle with its playground, in a directory that goes afterwards
process.py     its process: started, killed, started again
records.py     what the playground's logs and the process table say
transcript.py  what was said, as it is said
scenarios/     the scenarios, one a file
"""
