"""The embedded outside world: Slack, GitHub, model APIs and a scripted agent, on loopback only."""
