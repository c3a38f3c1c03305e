"""Settings by tenant and by detector, and the kill switch, from one YAML file.

In: the file, and how detector names are compared. Out: the threshold, the budget and the
permission that apply to a tenant and a detector. The facade and Triton's `mapping_guard` read the
same file through this module.

```yaml
mode: hybrid                       # rules_only: no model call is made anywhere
defaults: {threshold: 0.6, budget_cap_ms: 1000}
detectors:
  openai-moderation: {threshold: 0.5}
tenants:
  acme:
    threshold: strict
    allowed_detectors: [openai-moderation, presidio]
    detectors:
      presidio: {threshold: 0.8, budget_cap_ms: 400}
```

The most specific setting applies: tenant and detector, tenant, detector, defaults.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Self, TypeVar, cast

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from schemas.config.config_file import (
    ConfigModel,
    Positive,
    Share,
    Text,
    read_config,
    refuse,
)
from schemas.config.errors import ConfigError
from schemas.config.watched_file import WatchedFile
from schemas.contract import Mode

#: The normal form of a detector's name, equal for its aliases and spellings.
Canonical = Callable[[str], str]

#: Thresholds by name. `standard` is the default. At least 98 % of the answers above `strict` are
#: right out of fold, as measured by `make evaluate`.
PROFILES: Final[Mapping[str, float]] = {"standard": 0.6, "strict": 0.95}

_T = TypeVar("_T")


def _by_detector(settings: dict[str, _T], info: ValidationInfo) -> dict[str, _T]:
    """The settings by comparable names."""
    canonical = cast(Canonical, info.context)
    comparable: dict[str, _T] = {}
    for name, value in settings.items():
        if canonical(name) in comparable:
            raise refuse(name, problem="names a detector that is listed already; keep one")
        comparable[canonical(name)] = value
    return comparable


def _allowed(names: frozenset[str], info: ValidationInfo) -> frozenset[str]:
    if not names:
        raise refuse(problem="allows no detector; leave it out to allow all")
    return frozenset(map(cast(Canonical, info.context), names))


def _of_profile(value: object) -> object:
    return PROFILES.get(value, value) if isinstance(value, str) else value


Threshold = Annotated[Share, BeforeValidator(_of_profile)]


class Limits(ConfigModel):
    """The settings at one level of the file; None for an unset one.

    threshold: confidence 0..1 below which the rules replace the model, or the name of a profile.
    budget_cap_ms: the longest budget a caller may ask for, milliseconds > 0.
    """

    threshold: Threshold | None = None
    budget_cap_ms: Positive | None = None


ByDetector = Annotated[dict[Text, Limits], AfterValidator(_by_detector)]


class Defaults(Limits):
    """Settings of a tenant, or of all tenants; without `allowed_detectors` all are allowed."""

    allowed_detectors: Annotated[frozenset[Text], AfterValidator(_allowed)] | None = None


class TenantPolicy(Defaults):
    """One tenant's settings."""

    detectors: ByDetector = Field(default_factory=dict)


class _PolicyDocument(ConfigModel):
    mode: Mode | None = None
    defaults: Defaults = Defaults()
    detectors: ByDetector = Field(default_factory=dict)
    tenants: dict[Text, TenantPolicy] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policies:
    """The settings of the file; those of an empty file by default.

    mode: the kill switch, None when the file does not set it.
    """

    canonical: Canonical
    mode: Mode | None = None
    defaults: Defaults = field(default_factory=Defaults)
    detectors: Mapping[str, Limits] = field(default_factory=dict)
    tenants: Mapping[str, TenantPolicy] = field(default_factory=dict)

    def threshold(self, detector: str, tenant: str | None = None) -> float | None:
        """The threshold in force, 0..1; None when the file sets none."""
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

        A request may choose any budget up to the cap; without a cap in the file, up to the default.
        A cap below the default also lowers the default.
        """
        cap = next(
            (x.budget_cap_ms for x in self._chain(detector, tenant) if x.budget_cap_ms is not None),
            default_ms,
        )
        return min(default_ms if requested_ms is None else requested_ms, cap)

    def allows(self, detector: str, tenant: str | None = None) -> bool:
        """Whether the tenant may send outputs of the detector."""
        allowed = self._tenant(tenant).allowed_detectors
        if allowed is None:
            allowed = self.defaults.allowed_detectors
        return allowed is None or self.canonical(detector) in allowed

    def _tenant(self, tenant: str | None) -> Defaults:
        return self.defaults if tenant is None else self.tenants.get(tenant, self.defaults)

    def _chain(self, detector: str, tenant: str | None) -> Iterator[Limits]:
        key = self.canonical(detector)
        if tenant is not None and (policy := self.tenants.get(tenant)) is not None:
            yield policy.detectors.get(key, Limits())
            yield policy
        yield self.detectors.get(key, Limits())
        yield self.defaults


def read_policies(path: Path, canonical: Canonical) -> Policies:
    """The policies in a YAML file; an empty mapping `{}` is a file without policies.

    Raises ConfigError, naming the key, for unknown keys, numbers out of range, two spellings of the
    same detector, or an empty list of allowed detectors.
    """
    document = read_config(path, _PolicyDocument, canonical)
    return Policies(
        canonical, document.mode, document.defaults, document.detectors, document.tenants
    )


class PolicyFile:
    """The current policies; without a path, empty policies.

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
        """The file in `MAPPER_POLICIES_FILE`, for a process without a settings object."""
        path = os.environ.get("MAPPER_POLICIES_FILE")
        return cls(Path(path) if path else None, canonical, on_change)

    def current(self) -> Policies:
        """The last good version of the file."""
        return self._file.current() if self._file else self._none

    @property
    def changed(self) -> bool:
        """Whether the next `current` reads the file, which may block for that time."""
        return isinstance(self._file, WatchedFile) and self._file.changed

    @property
    def problem(self) -> ConfigError | None:
        """The error of the current file while an earlier version is in use; else None."""
        self.current()
        return self._file.problem if self._file else None
