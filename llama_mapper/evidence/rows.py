"""Rows that `mapper bulk` or an engine wrote, completed to answers.

In: a row with the answer in `mapped`, or in the columns that are added to a table. Out: the
answer with the row's own detector, time and tenant, and with the controls that its labels touch.
Bulk sends each different output once, so its answer does not have the values of a row.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llama_mapper.bulk.columns import ADDED, PROBLEM
from llama_mapper.evidence.answers import UnusableError
from llama_mapper.evidence.summary import Catalogue

LABELS, CONFIDENCE, SOURCE, REASON, VERSIONS = ADDED


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of a row's fields. time: ISO with a zone, or a timestamp with one. tenant: None
    if rows have no tenant. fixed: the detector of all rows, instead of a field.
    """

    time: str | None = None
    detector: str = "detector"
    tenant: str | None = None
    fixed: str | None = None


class MappedRows:
    """Completes rows of one file."""

    def __init__(self, columns: Columns, catalogue: Catalogue) -> None:
        self._columns = columns
        self._catalogue = catalogue
        self._touched: dict[tuple[str, ...], dict[str, list[str]]] = {}

    @property
    def fields(self) -> set[str]:
        """The fields of a row that are read."""
        columns = self._columns
        named = (columns.time, columns.tenant, None if columns.fixed else columns.detector)
        return {*ADDED, PROBLEM, *filter(None, named)}

    def event(self, data: Any) -> Any:
        """The answer of a row; other values are returned unchanged.

        Raises UnusableError for a row without an answer, its time or detector, and for one that was
        mapped with other frameworks than those of the catalogue.
        """
        if not isinstance(data, dict) or (mapped := _mapped(data)) is None:
            return data
        version = mapped["version_info"]["frameworks"]
        if version != self._catalogue.version:
            raise UnusableError(
                f"was mapped with frameworks {version}; "
                f"the service has {self._catalogue.version}: map it again"
            )
        columns = self._columns
        if columns.time is None:
            raise UnusableError(
                "is a row of mapper bulk; --time-column names the field of its time"
            )
        tenant = _field(data, columns.tenant) if columns.tenant else None
        provenance = {
            "detector": columns.fixed or _field(data, columns.detector),
            "tenant_id": tenant,
            "ts": _field(data, columns.time),
        }
        labels = tuple(mapped["taxonomy"])
        if (frameworks := self._touched.get(labels)) is None:
            frameworks = self._touched[labels] = self._controls(labels)
        return {**mapped, "provenance": provenance, "policy_context": {"frameworks": frameworks}}

    def _controls(self, labels: tuple[str, ...]) -> dict[str, list[str]]:
        """Framework -> ids of the controls that the labels touch."""
        touched: defaultdict[str, list[str]] = defaultdict(list)
        for control in self._catalogue.controls:
            if not control.labels.isdisjoint(labels):
                touched[control.framework].append(control.id)
        return dict(touched)


def _mapped(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The answer in a row; None for a value that is no row."""
    if isinstance(mapped := row.get("mapped"), dict):
        return mapped
    if LABELS not in row:
        return None
    if problem := row.get(PROBLEM):
        raise UnusableError(f"was not mapped: {str(problem).partition(':')[0]}")
    if not (versions := row.get(VERSIONS)):
        raise UnusableError(f"has no {VERSIONS}; map it again")
    labels = row[LABELS]
    if isinstance(labels, str):
        if labels.startswith("["):
            raise UnusableError("has a list of labels as text; write Parquet or JSON")
        labels = labels.split("|")
    return {
        "taxonomy": labels,
        "confidence": float(row[CONFIDENCE]),
        "source": row[SOURCE],
        "fallback_reason": row[REASON] or None,
        "version_info": json.loads(versions),
    }


def _field(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, str):
        raise UnusableError(f"has no text in the field {name!r}")
    return value
