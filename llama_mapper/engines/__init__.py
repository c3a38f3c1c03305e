"""Maps tables of any size on another engine: `spark`, `ray` or `duckdb`.

As in `llama_mapper.bulk`, the different pairs of detector and output are sent once, and their
answers are joined to all rows. An engine needs its own package and pyarrow.
"""
