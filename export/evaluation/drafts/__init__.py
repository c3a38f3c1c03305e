"""The share of a draft that needs no change."""
