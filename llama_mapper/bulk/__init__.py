"""Maps files of any size: each different (detector, output) is sent once, and joined back.

    from llama_mapper.bulk import Bulk, Endpoints

    report = Bulk("logs/*.jsonl.gz", "mapped.jsonl.gz", Endpoints(["http://localhost:8080"])).run()

`triton.TritonEndpoints` and `in_process.InProcess` map without the service. Needs the extra
`llama-mapper[bulk]` for Parquet and zstd. The command is `mapper bulk`.
"""

from llama_mapper.bulk.asking import Endpoints, PairMapper, UnansweredError
from llama_mapper.bulk.columns import Columns
from llama_mapper.bulk.job import Bulk, Progress
from llama_mapper.bulk.streams import Kind, SourceError, UsageError

__all__ = [
    "Bulk",
    "Columns",
    "Endpoints",
    "Kind",
    "PairMapper",
    "Progress",
    "SourceError",
    "UnansweredError",
    "UsageError",
]
