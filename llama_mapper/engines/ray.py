"""A Ray Data job: distinct, map, join.

mapped = map_rows(ray.data.read_parquet("logs/"), Endpoints(["http://mapper:8080"]))
mapped.write_parquet("mapped/")
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray

from llama_mapper.bulk import Columns, PairMapper
from llama_mapper.bulk.columns import DEFAULT_COLUMNS
from llama_mapper.engines.answers import FIELDS, AskOnce, no_answer

if TYPE_CHECKING:
    from ray.data import Dataset

_KEYS = ("__detector", "__output")
_PAIRS_AT_ONCE = 1000


def map_rows(
    rows: "Dataset", endpoints: PairMapper, columns: Columns = DEFAULT_COLUMNS, *, tasks: int = 2
) -> "Dataset":
    """The rows with the columns of their answers; `mapped_problem` is the reason without one.

    tasks: number of parallel tasks, each with 2 batches of 50 in flight at every endpoint. An
    output that is not a text is sent as JSON. The different pairs are sent by this call; they and
    their answers must fit into a worker's memory. Rows are not shuffled.

    Raises UsageError for columns that are missing or taken.
    """
    schema = rows.schema()
    columns.places(schema.names)
    is_text = _is_text(schema.types[schema.names.index(columns.output)])

    def pairs_of(table: pa.Table) -> pa.Table:
        return _distinct([_keys(table, columns)])

    def ask(pairs: pa.Table) -> pa.Table:
        asking = AskOnce(endpoints, is_text=is_text)
        structs = asking.structs(*(column.to_pylist() for column in pairs.columns))
        return pairs.append_column("answer", structs)

    pairs = _distinct(_tables(rows.map_batches(pairs_of, batch_format="pyarrow")))
    parts = [pairs.slice(start, _PAIRS_AT_ONCE) for start in range(0, len(pairs), _PAIRS_AT_ONCE)]
    asked = ray.data.from_arrow(parts or [pairs]).map_batches(
        ask, batch_format="pyarrow", batch_size=_PAIRS_AT_ONCE, concurrency=tasks
    )
    known = ray.put(pa.concat_tables(_tables(asked)))
    return rows.map_batches(_join, batch_format="pyarrow", fn_args=(known, columns))


def _join(table: pa.Table, known: Any, columns: Columns) -> pa.Table:
    """Rows with the answers of their pairs."""
    answers: pa.Table = ray.get(known) if isinstance(known, ray.ObjectRef) else known
    places = {pair: place for place, pair in enumerate(_rows(answers.select(_KEYS)))}
    null = pa.array([no_answer()], pa.struct(FIELDS))
    structs = pa.concat_arrays([*answers["answer"].chunks, null])
    wanted = (places.get(pair, len(structs) - 1) for pair in _rows(_keys(table, columns)))
    found = structs.take(pa.array(wanted, pa.int64()))
    for field, column in zip(FIELDS, found.flatten(), strict=True):
        table = table.append_column(field, column)
    return table


def _keys(table: pa.Table, columns: Columns) -> pa.Table:
    """Detectors and outputs as texts."""
    output = table[columns.output]
    if not _is_text(output.type):
        texts = (None if one is None else json.dumps(one) for one in output.to_pylist())
        output = pa.array(texts, pa.string())
    constant = pa.array([columns.constant] * len(table), pa.string())
    detector = constant if columns.constant else table[columns.detector].cast(pa.string())
    return pa.table([detector, output.cast(pa.string())], names=_KEYS)


def _distinct(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).drop_null().group_by(list(_KEYS)).aggregate([])


def _tables(data: "Dataset") -> list[pa.Table]:
    found: list[pa.Table] = ray.get(data.to_arrow_refs())
    return found


def _rows(table: pa.Table) -> Iterable[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _is_text(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_string(dtype) or pa.types.is_large_string(dtype))
