"""Reads running text: labels, verdicts, lists, headers, sentences."""
