"""`make bench`: the time of an answer, compared with other engines, per layer, and under load."""
