"""Settings by tenant and by detector, and the kill switch, from one YAML file.

In: the file, and how detector names are compared. Out: the threshold, the budget and the
permission that hold for a tenant and a detector. Knows nothing of requests, Triton or the
environment. The facade and Triton's guard read the same file through this module.

```yaml
mode: hybrid                       # rules_only: no model call is made anywhere
defaults: {threshold: 0.6, budget_cap_ms: 1000}
detectors:
  openai-moderation: {threshold: 0.5}
tenants:
  acme:
    threshold: 0.7
    allowed_detectors: [openai-moderation, presidio]
    detectors:
      presidio: {threshold: 0.8, budget_cap_ms: 400}
```

Who stands nearer wins: a tenant's detector, the tenant, the detector, the defaults.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from schemas.contract import Mode
from schemas.errors import ConfigError
from schemas.validation import is_number
from schemas.watched_file import WatchedFile
from schemas.yaml_file import check_keys, read_text, read_texts, read_yaml

#: How a detector's name is made comparable, so that aliases and spellings mean one detector.
Canonical = Callable[[str], str]

_LIMITS = frozenset({"threshold", "budget_cap_ms"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What one place of the file says; None where it says nothing.

    threshold: confidence 0..1 below which the rules overrule the model.
    budget_cap_ms: the longest budget a caller may ask for, milliseconds > 0.
    """

    threshold: float | None = None
    budget_cap_ms: float | None = None


@dataclass(frozen=True, slots=True)
class TenantPolicy:
    """One tenant's settings; `allowed` holds comparable names, None allows every detector."""

    limits: Limits = Limits()
    allowed: frozenset[str] | None = None
    detectors: Mapping[str, Limits] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policies:
    """What the file says; without arguments, a file that says nothing.

    mode: the kill switch, None when the file leaves it to others.
    """

    canonical: Canonical
    mode: Mode | None = None
    defaults: TenantPolicy = TenantPolicy()
    detectors: Mapping[str, Limits] = field(default_factory=dict)
    tenants: Mapping[str, TenantPolicy] = field(default_factory=dict)

    def threshold(self, detector: str, tenant: str | None = None) -> float | None:
        """The threshold that holds, 0..1; None when the file sets none."""
        return next(
            (x.threshold for x in self._chain(detector, tenant) if x.threshold is not None), None
        )

    def budget_ms(
        self,
        detector: str,
        tenant: str | None,
        default_ms: float,
        requested_ms: float | None = None,
    ) -> float:
        """The budget granted for one item, in milliseconds.

        A request may go below the default freely and above it up to the cap; where the file has
        no cap, the default is one. A cap below the default lowers the default as well.
        """
        cap = next(
            (x.budget_cap_ms for x in self._chain(detector, tenant) if x.budget_cap_ms is not None),
            default_ms,
        )
        return min(default_ms if requested_ms is None else requested_ms, cap)

    def allows(self, detector: str, tenant: str | None = None) -> bool:
        """Whether the tenant may send outputs of the detector."""
        allowed = self._tenant(tenant).allowed
        if allowed is None:
            allowed = self.defaults.allowed
        return allowed is None or self.canonical(detector) in allowed

    def _tenant(self, tenant: str | None) -> TenantPolicy:
        return self.defaults if tenant is None else self.tenants.get(tenant, self.defaults)

    def _chain(self, detector: str, tenant: str | None) -> Iterator[Limits]:
        key = self.canonical(detector)
        if tenant is not None and (own := self.tenants.get(tenant)) is not None:
            yield own.detectors.get(key, Limits())
            yield own.limits
        yield self.detectors.get(key, Limits())
        yield self.defaults.limits


def read_policies(path: Path, canonical: Canonical) -> Policies:
    """The policies in a YAML file; an empty mapping `{}` is a file that says nothing.

    Raises ConfigError, naming the key, for unknown keys, numbers out of range, a detector that
    stands twice under different spellings, or an empty list of allowed detectors.
    """
    optional = frozenset({"mode", "defaults", "detectors", "tenants"})
    data = check_keys(path, "", read_yaml(path), set(), optional)
    return Policies(
        canonical=canonical,
        mode=_read_mode(path, data["mode"]) if "mode" in data else None,
        defaults=_read_tenant(path, "defaults", data.get("defaults", {}), canonical, frozenset()),
        detectors=_read_detectors(path, "detectors", data.get("detectors", {}), canonical),
        tenants={
            name: _read_tenant(path, f"tenants.{name}", value, canonical, frozenset({"detectors"}))
            for name, value in _named(path, "tenants", data.get("tenants", {}))
        },
    )


class PolicyFile:
    """The policies as they are now; without a path, policies that say nothing.

    on_change: as for WatchedFile; a bad edit keeps the last good version.
    """

    def __init__(
        self,
        path: Path | None,
        canonical: Canonical,
        on_change: Callable[[ConfigError | None], None] = lambda problem: None,
    ) -> None:
        self._none = Policies(canonical)
        self._file = path and WatchedFile(path, lambda p: read_policies(p, canonical), on_change)

    @classmethod
    def from_environment(
        cls,
        canonical: Canonical,
        on_change: Callable[[ConfigError | None], None] = lambda problem: None,
    ) -> Self:
        """The file that `MAPPER_POLICIES_FILE` names, for a process without settings of its own."""
        path = os.environ.get("MAPPER_POLICIES_FILE")
        return cls(Path(path) if path else None, canonical, on_change)

    def current(self) -> Policies:
        """The last good version of the file."""
        return self._file.current() if self._file else self._none

    @property
    def changed(self) -> bool:
        """Whether the next `current` reads the file, which takes as long as that takes."""
        return isinstance(self._file, WatchedFile) and self._file.changed

    @property
    def problem(self) -> ConfigError | None:
        """What is wrong with the file now, while an earlier version of it is served."""
        self.current()
        return self._file.problem if self._file else None


def _read_mode(path: Path, value: object) -> Mode:
    try:
        return Mode(value)  # type: ignore[arg-type]  # any object: what is no member is refused
    except ValueError:
        raise ConfigError(
            path, "mode", f"{value!r} is not a mode; write {' or '.join(Mode)}"
        ) from None


def _named(path: Path, key: str, value: object) -> Iterator[tuple[str, object]]:
    if not isinstance(value, dict):
        raise ConfigError(path, key, f"must be a mapping of names to settings, not {value!r}")
    for name, settings in value.items():
        yield read_text(path, f"{key}.{name}", name), settings


def _read_detectors(path: Path, key: str, value: object, canonical: Canonical) -> dict[str, Limits]:
    found: dict[str, Limits] = {}
    for name, settings in _named(path, key, value):
        place = f"{key}.{name}"
        if canonical(name) in found:
            raise ConfigError(path, place, "is a detector that stands here already; keep one")
        found[canonical(name)] = _read_limits(
            path, place, check_keys(path, place, settings, set(), _LIMITS)
        )
    return found


def _read_tenant(
    path: Path, key: str, value: object, canonical: Canonical, more: frozenset[str]
) -> TenantPolicy:
    data = check_keys(path, key, value, set(), _LIMITS | {"allowed_detectors"} | more)
    allowed = None
    if "allowed_detectors" in data:
        names = read_texts(path, f"{key}.allowed_detectors", data["allowed_detectors"])
        if not names:
            raise ConfigError(
                path, f"{key}.allowed_detectors", "allows no detector; leave it out to allow all"
            )
        allowed = frozenset(map(canonical, names))
    return TenantPolicy(
        limits=_read_limits(path, key, data),
        allowed=allowed,
        detectors=_read_detectors(path, f"{key}.detectors", data.get("detectors", {}), canonical),
    )


def _read_limits(path: Path, key: str, data: Mapping[str, object]) -> Limits:
    threshold, cap = data.get("threshold"), data.get("budget_cap_ms")
    if "threshold" in data and not (is_number(threshold) and 0 <= threshold <= 1):
        raise ConfigError(path, f"{key}.threshold", f"{threshold!r} must be a number of 0 to 1")
    if "budget_cap_ms" in data and not (is_number(cap) and 0 < cap < float("inf")):
        raise ConfigError(
            path, f"{key}.budget_cap_ms", f"{cap!r} must be milliseconds, a number above 0"
        )
    return Limits(
        threshold=float(threshold) if is_number(threshold) else None,
        budget_cap_ms=float(cap) if is_number(cap) else None,
    )
