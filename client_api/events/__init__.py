"""The event sink: stores each answer as a canonical event, as evidence for audits.

`record` makes the event of an answer, without output, notes and signals. `sink` collects events
outside the request's path; `parquet` and `database` append them and delete those older than the
retention.
"""
