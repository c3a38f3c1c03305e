"""The names of one detector: known names, their spellings, and the cost of look-ups."""
