"""The kill suite: one task from a request to a merge, while everybody involved is killed at every place.

killing.py        where and when: named steps, transactions, calls
scenarios.py      what is played, which steps each scenario covers, and what must be true in the end
child.py          one life of Waggle; by hand: python -m tests.crash.child HOME URL SCENARIO push:before:1
outside_world.py  the playground in a process of its own; by hand: python -m tests.crash.outside_world HOME URL
lives.py          the driver: plays, buries, starts again
judging.py        the judge: the playground's own records, processes, worktrees, refs

Both are forked from a process that has imported everything (tests/forked.py). A step that code begins to take needs a
place in the `covers` of a scenario; a test says so. `make test` plays one story (WAGGLE_CRASH_SEED repeats it),
`make crash` all of them.
"""
