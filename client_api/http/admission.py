"""Whether one item may be mapped, for whom, and with how much time.

In: a validated request, who sends it, what the policies say. Out: the item as the model and the
rules see it, or an ApiError; in a batch that becomes the item's own error. Knows no routes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from client_api.http.auth import Caller, TenantMismatchError, acting_tenant
from client_api.http.bodies import MapRequest
from client_api.http.errors import ApiError
from client_api.mapping.gateway import Item
from client_api.settings import Settings
from schemas.contract import ErrorCode
from schemas.policies import PolicyFile

_NO_LIMIT = float("inf")
#: The hints of contract section 2.
_METADATA: Final = ("contributing_detectors", "normalized_scores", "kind")
_LONGEST_KEY: Final = 40


@dataclass(frozen=True, slots=True)
class Admitted:
    """An item that may be mapped.

    usual_ms: the budget it gets unasked; most_ms: the longest that may be asked for.
    """

    item: Item
    tenant: str | None
    usual_ms: float
    most_ms: float


class ItemGate:
    """Admits items, or says why not."""

    def __init__(
        self, policies: PolicyFile, settings: Settings, is_known: Callable[[str], bool]
    ) -> None:
        """is_known: whether a detector has a vocabulary."""
        self._policies = policies
        self._is_known = is_known
        self._max_bytes = settings.item_max_bytes
        self._budget_ms = settings.budget_ms

    def tenant(self, caller: Caller, claims: Sequence[str | None]) -> str | None:
        """The tenant that the caller acts for; raises ApiError when a claim contradicts it."""
        try:
            return acting_tenant(caller.principal, *claims)
        except TenantMismatchError:
            detail = (
                "key, X-Tenant-ID and tenant_id must not name different tenants; a name is "
                "printable, without space around it"
            )
            raise ApiError(ErrorCode.FORBIDDEN, detail) from None

    def admit(self, request: MapRequest, caller: Caller, claimed: Sequence[str]) -> Admitted:
        """The item, for its tenant; raises ApiError. claimed: every X-Tenant-ID of the request."""
        tenant = self.tenant(caller, [*claimed, request.tenant_id])
        policies, detector = self._policies.current(), request.detector
        if not policies.allows(detector, tenant):
            detail = "the tenant may not send outputs of this detector"
            raise ApiError(ErrorCode.FORBIDDEN, detail)
        self._check_metadata(request, tenant)
        item = request.item()
        if len(item.output.encode()) + len(item.metadata.encode()) > self._max_bytes:
            limit = f"output and metadata of an item have at most {self._max_bytes} bytes"
            raise ApiError(ErrorCode.PAYLOAD_TOO_LARGE, limit)
        if item.threshold is None:
            item = Item(
                item.detector, item.output, item.metadata, policies.threshold(detector, tenant)
            )
        usual = policies.budget_ms(detector, tenant, self._budget_ms)
        most = policies.budget_ms(detector, tenant, self._budget_ms, _NO_LIMIT)
        return Admitted(item, tenant, usual, most)

    def _check_metadata(self, request: MapRequest, tenant: str | None) -> None:
        """Raises ApiError for a key that means nothing, and for the vocabulary of a detector that
        the tenant may not use."""
        metadata = request.metadata or {}
        if unknown := [key for key in metadata if key not in _METADATA]:
            raise ApiError(ErrorCode.INVALID_REQUEST, _unknown_key(unknown[0]))
        names = metadata.get("contributing_detectors")
        policies = self._policies.current()
        for name in names if isinstance(names, list) else ():
            if isinstance(name, str) and self._is_known(name) and not policies.allows(name, tenant):
                detail = "the tenant may not use the vocabulary of a contributing detector"
                raise ApiError(ErrorCode.FORBIDDEN, detail)


def _unknown_key(key: str) -> str:
    """Names the key where it is like one of ours: others may be anything, and are not repeated."""
    near = get_close_matches(key, _METADATA, n=1, cutoff=0.7) if len(key) <= _LONGEST_KEY else ()
    hint = f"{key!r} is not known; did you mean {near[0]!r}" if near else "a key is not known"
    return f"metadata: {hint}; known are {', '.join(_METADATA)}"
