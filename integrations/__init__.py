"""One folder for each outside system: typed results, typed errors, no knowledge of tasks."""
