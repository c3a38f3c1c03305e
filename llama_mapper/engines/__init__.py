"""Maps tables of any size on an engine that exists: `spark`, `ray` or `duckdb`.

Each does as `llama_mapper.bulk`: the different pairs of detector and output are asked once, and
their answers are joined to all rows. An engine brings its own package and pyarrow.
"""
