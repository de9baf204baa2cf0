"""Answers what the supervisor asks: scope a request, read a failure, write the next prompt, review a pull request.

answering.py   the loop: takes judgement rows, has them answered, writes the answers down
recording.py   writing answers down, or why there is none yet
models.py      who may be asked what
asking.py      asking models in turn, and what each question cost
desk.py        what an answer is worked out with
reading.py     looking into repositories
looking.py     finding the files that a request is about
scope.py       a request to a task
plan_rules.py  what of a scope is believed: citations, files, lane
route.py       which agent takes a task
diagnose.py    a failure to the next attempt
prompts.py     what agents and models are told; the words are in templates/
council.py     reviewing a pull request
opinions.py    what each reviewer said
findings.py    what of a review is believed
verifying.py   a second opinion on a serious finding
hostile.py     text that tries to give machines orders

Nothing here starts an agent or changes a state.
"""
