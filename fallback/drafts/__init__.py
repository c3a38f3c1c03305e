"""Drafts of detector files: what a person reviews instead of writing it.

In: a detector's words, collected outputs, the model's opinions. Out: the text of a file for
`MAPPER_DETECTORS_DIR`, and what is wrong with such a file. Calls no model and writes no files.
"""
