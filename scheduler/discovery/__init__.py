"""Noticing outside what may deserve a task: for now, errors of running applications.

scan.py        one look at the error tracker: fetch and judge
settling.py    writing down what a look found, with the cursor
gates.py       which errors may be proposed at all, each with its reason; pure
noise.py       errors that no change of the code mends; pure
locating.py    stack frames to files of the repository; pure
quotas.py      how many proposals at once; pure
breaker.py     how long a tracker that does not answer is left alone; pure
facts.py       what a signal row holds of an error
promotion.py   a signal becomes a task that waits for a person
following.py   what becomes of a signal when its task, a person or the tracker goes on

No model is asked anything here. What people decide about a proposal stands in `scheduler.commands`.
"""
