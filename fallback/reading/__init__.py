"""Reads the raw output of a detector into signals, and says what it could not read."""
