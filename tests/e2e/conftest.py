"""Fixtures of the tests that start Waggle as a person does."""

from tests.e2e.terminal import elsewhere, terminal

__all__ = ["elsewhere", "terminal"]
