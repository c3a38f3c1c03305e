"""The input columns of a table, and the columns that an answer adds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llama_mapper.bulk.streams import UsageError

#: Instead of a column of outputs: each line of JSON is an output.
WHOLE = "@"
#: Columns that an answer adds to a table.
ADDED = (
    *("mapped_taxonomy", "mapped_confidence", "mapped_source", "mapped_fallback_reason"),
    "mapped_versions",
)
#: The column in which an engine says why a row has no answer.
PROBLEM = "mapped_problem"


@dataclass(frozen=True, slots=True)
class Columns:
    """detector, output: names of columns; output is WHOLE if lines are outputs. constant: the
    detector of all rows, instead of a column. time: a column of ISO times, empty for none;
    period_chars: the length of a period in them, 10 for days and 7 for months."""

    detector: str = "detector"
    output: str = "output"
    constant: str = ""
    time: str = ""
    period_chars: int = 10

    def period(self, time: Any) -> str:
        """The period of a row; empty without a time."""
        return str(time)[: self.period_chars] if self.time and time else ""

    def places(self, heads: Sequence[str]) -> tuple[int | None, int, int | None]:
        """The indexes of detector, output and time in the columns of a table. Raises UsageError."""
        wanted = {self.output} | ({self.time} if self.time else set())
        wanted |= set() if self.constant else {self.detector}
        if lacking := sorted(wanted - set(heads)):
            raise UsageError(f"no column {lacking[0]!r} among {', '.join(heads)}")
        if twice := [head for head in heads if head in ADDED]:
            raise UsageError(f"the column {twice[0]!r} is one of the answer: rename it")
        detector = None if self.constant else heads.index(self.detector)
        return detector, heads.index(self.output), heads.index(self.time) if self.time else None


DEFAULT_COLUMNS = Columns()


def values_of(event: Mapping[str, Any]) -> tuple[Any, ...]:
    """The added values of a row, in the order of ADDED: labels as a list, versions as JSON."""
    return (
        *(event[name] for name in ("taxonomy", "confidence", "source", "fallback_reason")),
        json.dumps(event["version_info"], sort_keys=True),
    )


def cells_of(event: Mapping[str, Any]) -> tuple[Any, ...]:
    """The added cells of a row of CSV, labels joined by `|`."""
    labels, confidence, source, reason, versions = values_of(event)
    return "|".join(labels), confidence, source, reason or "", versions
