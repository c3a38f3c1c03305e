"""The event sink: each answer as a canonical event, appended for those who must show it later.

`record` says what of an answer is kept: never an output, notes or signals. `sink` takes events off
the answer's path; `parquet` and `database` append them and delete what is older than the retention.
"""
