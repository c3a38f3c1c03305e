"""What of an answer is kept as an event.

In: an item and its decision. Out: an `Event`. Never the output, the notes or the signals, which may
quote it; of an unknown detector's name, which is the caller's own text, a digest.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

from client_api.mapping.gateway import Item
from client_api.review.sightings import digest
from fallback.decision.decision import Decision

#: Of a tenant and a name, the name of the detector that has a vocabulary; None for any other.
Known = Callable[[str | None, str], str | None]

_KEPT: Final = ("taxonomy", "scores", "confidence", "policy_context")


@dataclass(frozen=True, slots=True)
class Event:
    """An answer, once. body: the canonical event without notes, with its versions and source, as
    JSON values; id: 32 hex digits, so that a store takes it once however often it is sent.
    """

    body: dict[str, Any]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def time(self) -> datetime:
        """Of the answer, UTC."""
        return datetime.fromisoformat(self.body["provenance"]["ts"])

    def columns(self) -> dict[str, Any]:
        """What stores keep beside the body, for those who select events."""
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
    """The detector's name; of an unknown one a digest."""
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
