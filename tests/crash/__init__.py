"""The kill suite: one task from a request to a merge, while everybody involved is killed at every place.

killing.py        where and when: named steps, transactions, calls
scenarios.py      what is played, which steps each scenario covers, and what must be true in the end
child.py          one life of Waggle; by hand: python -m tests.crash.child HOME URL SCENARIO push:before:1
outside_world.py  the playground in a process of its own; by hand: python -m tests.crash.outside_world HOME URL
nursery.py        the process that both are forked from
lives.py          the driver: plays, buries, starts again
judging.py        the judge: the playground's own records, processes, worktrees, refs

`make test` plays a few cases (WAGGLE_CRASH_SEED repeats them), `pytest -m crash_all tests/crash` all of them.
"""
