"""Makes the stored event of an answer.

In: an item and its decision. Out: an `Event`, without the output, and without notes and signals,
which may quote it. An unknown detector's name is text of the caller; the event has its digest.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

from client_api.mapping.gateway import Item
from client_api.review.sightings import digest
from fallback.decision.decision import Decision

#: (tenant, name) -> the name of the detector with a vocabulary; None for other detectors.
Known = Callable[[str | None, str], str | None]

_KEPT: Final = ("taxonomy", "scores", "confidence", "policy_context")


@dataclass(frozen=True, slots=True)
class Event:
    """One answer. body: the canonical event without notes, with its versions and source, as JSON
    values; id: 32 hex digits, so that a store keeps one copy if it is sent again.
    """

    body: dict[str, Any]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def time(self) -> datetime:
        """The time of the answer, UTC."""
        return datetime.fromisoformat(self.body["provenance"]["ts"])

    def columns(self) -> dict[str, Any]:
        """Columns that stores keep beside the body, for queries."""
        provenance = self.body["provenance"]
        return {
            "id": self.id,
            "time": self.time,
            "tenant": provenance["tenant_id"],
            "detector": provenance["detector"],
            "labels": self.body["taxonomy"],
            "confidence": self.body["confidence"],
        }


def name_of(item: Item, known: Known) -> str:
    """The detector's name; for an unknown detector a digest."""
    return known(item.tenant, item.detector) or digest(item.detector)


def event_of(item: Item, decision: Decision, known: Known) -> Event:
    """The event of an answer."""
    answer = decision.event
    origin = cast(dict[str, object], answer["provenance"])
    return Event(
        {
            **{name: answer[name] for name in _KEPT},
            "provenance": {**origin, "detector": name_of(item, known), "tenant_id": item.tenant},
            "version_info": decision.versions,
            "label_confidence": decision.label_confidence,
            "source": decision.source.value,
            "fallback_reason": decision.fallback_reason and decision.fallback_reason.value,
        }
    )
