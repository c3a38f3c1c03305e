"""The names of one detector: which are known, how they are spelled, what looking them up costs."""
