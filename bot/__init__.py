"""Tier one: talk, judge, remember. The only code that asks a model anything."""
