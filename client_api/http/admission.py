"""Checks whether one item may be mapped, and sets its tenant and its time budget.

In: a validated request, its caller, the policies. Out: the item as the model and the rules see it,
or an ApiError; in a batch the error becomes the item's own error. Independent of routes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from client_api.http.auth import Caller, TenantMismatchError, acting_tenant
from client_api.http.errors import ApiError, unknown_name
from client_api.http.interface.bodies import HINTS, MapRequest
from client_api.mapping.gateway import Item
from client_api.settings import Settings
from schemas.contract import ErrorCode
from schemas.policies import PolicyFile

_NO_LIMIT = float("inf")


@dataclass(frozen=True, slots=True)
class Admitted:
    """An item that may be mapped.

    usual_ms: the budget without a request for another; most_ms: the longest allowed budget.
    """

    item: Item
    tenant: str | None
    usual_ms: float
    most_ms: float


class Admission:
    """Admits items, or raises an ApiError with the reason."""

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
                "key, X-Tenant-ID and tenant_id must not name different tenants; a name must be "
                "printable, without surrounding spaces"
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
            limit = f"output and metadata of an item may have at most {self._max_bytes} bytes"
            raise ApiError(ErrorCode.PAYLOAD_TOO_LARGE, limit)
        threshold = item.threshold
        if threshold is None:
            threshold = policies.threshold(detector, tenant)
        item = replace(item, threshold=threshold, tenant=tenant)
        usual = policies.budget_ms(detector, tenant, self._budget_ms)
        most = policies.budget_ms(detector, tenant, self._budget_ms, _NO_LIMIT)
        return Admitted(item, tenant, usual, most)

    def _check_metadata(self, request: MapRequest, tenant: str | None) -> None:
        """Raises ApiError for an unknown key, and for a contributing detector whose vocabulary the
        tenant may not use."""
        metadata = request.metadata or {}
        if unknown := [key for key in metadata if key not in HINTS]:
            raise ApiError(
                ErrorCode.INVALID_REQUEST, f"metadata: {unknown_name(unknown[0], HINTS)}"
            )
        given = metadata.get("contributing_detectors")
        names = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
        policies = self._policies.current()
        for name in dict.fromkeys(names):  # a name that is repeated is looked up once
            if not policies.allows(name, tenant) and self._is_known(name):
                detail = "the tenant may not use the vocabulary of a contributing detector"
                raise ApiError(ErrorCode.FORBIDDEN, detail)
