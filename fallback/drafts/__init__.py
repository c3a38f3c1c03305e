"""Drafts of detector files, for a person to review.

In: a detector's words, collected outputs, the model's answers. Out: the text of a file for
`MAPPER_DETECTORS_DIR`, and the problems of such a file. Calls no model and writes no files.
"""
