"""Benchmarks: `python -m tests.performance`."""
