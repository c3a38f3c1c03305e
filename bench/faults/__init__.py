"""The answers to clients while the model, Triton and the facade fail under load.

`python -m bench.faults` writes the table of docs/reliability.md; `pytest tests/system/faults`
asserts it.
"""
