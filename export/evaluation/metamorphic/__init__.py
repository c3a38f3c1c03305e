"""Changes of an output that must not change the reading, or must change it in one known way.

Each module is one suite of `docs/reading.md`. The tests run a part of each, chosen by a hash; the
evaluation runs everything.
"""
