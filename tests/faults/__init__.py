"""What clients see while the model, Triton and the facade fail under load.

`python -m tests.faults` writes the table of docs/reliability.md; `pytest tests/faults` asserts it.
"""
