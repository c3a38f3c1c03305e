"""Answers as columns, for engines of tables.

In: columns of detectors and outputs. Out: one struct per row, whose fields are the columns that an
answer adds. Memory holds the different pairs that were sent.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyarrow as pa

from llama_mapper import ItemError, MappedEvent
from llama_mapper.bulk import PairMapper
from llama_mapper.bulk.columns import ADDED, PROBLEM, values_of
from llama_mapper.bulk.pairs import Pair

NULL: Final = "detector or output is null"
_TYPES = (pa.list_(pa.string()), pa.float64(), *(pa.string(),) * 4)
FIELDS: Final = tuple(pa.field(n, t) for n, t in zip((*ADDED, PROBLEM), _TYPES, strict=True))


class AskOnce:
    """Sends each different pair once in its lifetime.

    is_text: whether outputs are texts; else each is JSON.
    """

    def __init__(self, endpoints: PairMapper, *, is_text: bool = True) -> None:
        self._endpoints, self._is_text = endpoints, is_text
        self._known: dict[Pair, Mapping[str, Any]] = {}

    def structs(self, detectors: Iterable[Any], outputs: Iterable[Any]) -> pa.StructArray:
        """One answer per row. Raises MapperError when an endpoint refuses, or all are lost."""
        rows = [
            None if detector is None or output is None else (detector, output, self._is_text)
            for detector, output in zip(detectors, outputs, strict=True)
        ]
        new = [pair for pair in dict.fromkeys(rows) if pair is not None and pair not in self._known]
        self._endpoints.ask(new, self)
        found = [no_answer() if pair is None else self._known[pair] for pair in rows]
        return pa.array(found, pa.struct(FIELDS))

    def keep(self, pairs: list[Pair], outcomes: Iterable[MappedEvent | ItemError]) -> None:
        """See `Keeper`."""
        self._known.update(zip(pairs, map(_fields, outcomes), strict=True))


def no_answer() -> dict[str, Any]:
    """The fields of a row that cannot be sent."""
    return {PROBLEM: NULL}


def _fields(outcome: MappedEvent | ItemError) -> dict[str, Any]:
    if isinstance(outcome, ItemError):
        return {PROBLEM: f"{outcome.error_code}: {outcome.message}"}
    return dict(zip(ADDED, values_of(outcome.raw), strict=True))
