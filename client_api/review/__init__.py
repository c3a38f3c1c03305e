"""The review queue: words that a person should review, and the reviewers' decisions.

`sightings` selects the words of an answer. `recorder` collects them outside the request's path,
`store` keeps them in SQLite or PostgreSQL. `decisions` writes decisions as detector files, which
the pipelines read. `days` and `drift` count all items, by detector and day. `webhook` reports new
words to another service. Outputs are not stored.
"""
