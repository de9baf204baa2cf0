"""The embedded outside world: Slack, GitHub, model APIs and a scripted agent, on loopback only.

slack/, github/, models/   the stand-ins, each behind `add_routes(app, place)` with a store of its own
sample/, scripted/         the sample workspace and application, and the agent that knows jobs on it
server.py, __main__.py     the one process that serves them, on one port
lock.py, start.py          finding that process, or starting it
place.py, guard.py         where it lives and its secrets; who may open its pages
page/, page_routes.py      the workspace page, trouble on demand, the call logs
visitor.py                 a person at the pages, for demos and tests
"""
