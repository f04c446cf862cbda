"""The guard: instructions of fixed work, compared with what they were.

`python tools/guard --help` says how to use it; docs/architecture.md what it counts, and why.
"""
