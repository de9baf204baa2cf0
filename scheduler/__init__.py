"""The supervisor: deterministic, zero model tokens."""
