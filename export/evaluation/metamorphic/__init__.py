"""Changes of an output after which the reading must stay the same, or change in one known way.

Each module is one suite of `docs/reading.md`. The tests run a part of each, chosen by a hash; the
evaluation runs everything.
"""
