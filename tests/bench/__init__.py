"""Measurements: `make bench`, or `make bench ONLY=registry`. Figures go to build/bench.json."""
