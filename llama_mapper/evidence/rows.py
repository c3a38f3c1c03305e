"""Rows that `mapper bulk` wrote, completed to answers.

In: a row with the answer in `mapped`, as JSON values. Out: the answer with the row's own detector,
time and tenant, and with the controls that its labels touch. Bulk sends each different output once,
so its answer does not have the values of a row.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llama_mapper.evidence.answers import UnusableError
from llama_mapper.evidence.summary import Catalogue


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of a row's fields. time: ISO with a zone; tenant: None if rows have no tenant.

    fixed: the detector of all rows, instead of a field.
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

    def event(self, data: Any) -> Any:
        """The answer of a row; other values are returned unchanged.

        Raises UnusableError for a row without its time or detector, and for one that was mapped
        with other frameworks than those of the catalogue.
        """
        if not (isinstance(data, dict) and isinstance(mapped := data.get("mapped"), dict)):
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
        frameworks = self._controls(mapped["taxonomy"])
        return mapped | {"provenance": provenance, "policy_context": {"frameworks": frameworks}}

    def _controls(self, labels: list[str]) -> dict[str, list[str]]:
        """Framework -> ids of the controls that the labels touch."""
        touched: defaultdict[str, list[str]] = defaultdict(list)
        for control in self._catalogue.controls:
            if not control.labels.isdisjoint(labels):
                touched[control.framework].append(control.id)
        return dict(touched)


def _field(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise UnusableError(f"has no text in the field {name!r}")
    return value
