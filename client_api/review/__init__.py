"""The review queue: words that deserve a person's look, and what a person decided about them.

`sightings` says which words of an answer count. `recorder` collects them off the answer's path,
`store` keeps them in SQLite or PostgreSQL. `decisions` turns what was decided into detector files,
which the pipelines read. `days` and `drift` count all items, by detector and day.
`webhook` tells others of new words. Nothing here keeps an output.
"""
