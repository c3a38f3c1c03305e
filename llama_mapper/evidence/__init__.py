"""Evidence for an auditor from mapped outputs: counts by control, and tamper-evident records.

In: answers of `mapper batch`, rows of `mapper bulk`, and the service's frameworks and detectors.
Out: a folder of files (`write_evidence`), and the problems of one (`verify`).
"""

from llama_mapper.evidence.answers import Answer, Outcome, Rejected, read_answers
from llama_mapper.evidence.chain import verify
from llama_mapper.evidence.folder import write_evidence
from llama_mapper.evidence.inputs import find_inputs, read_inputs
from llama_mapper.evidence.rows import Columns, MappedRows
from llama_mapper.evidence.summary import Catalogue, Period

__all__ = [
    "Answer",
    "Catalogue",
    "Columns",
    "MappedRows",
    "Outcome",
    "Period",
    "Rejected",
    "find_inputs",
    "read_answers",
    "read_inputs",
    "verify",
    "write_evidence",
]
