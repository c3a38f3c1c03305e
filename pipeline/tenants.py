"""The pipeline of each tenant: the project's rules, overridden by an operator's detector files.

In: folders of detector files, or none. Out: the current pipeline for a tenant's items. A changed
folder applies from the next item on; for a bad one the last good version stays in use.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fallback.decision.decision import MappingGuard
from fallback.rules.catalog import Detector
from fallback.rules.own import load_own
from pipeline.steps import Pipeline, load_pipeline
from schemas.config.errors import ConfigError
from schemas.config.watched_file import WatchedFile
from schemas.taxonomy import Vocabulary
from schemas.views import load_views, own_labels

#: The variables with the folders, for processes without a settings object: the operator's files,
#: and the files of the review queue, which override them.
VARIABLES = ("MAPPER_DETECTORS_DIR", "MAPPER_REVIEW_DIR")
#: Names the folder of views, which declare labels that detector files may use.
VIEWS = "MAPPER_VIEWS_DIR"


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The pipelines of one version of the folders; `general` is that of all other tenants."""

    general: Pipeline
    special: Mapping[str, Pipeline]


class TenantPipelines:
    """Makes and keeps the pipelines. Threads may share it.

    folders: files of a later one override those of an earlier one. on_change: as for WatchedFile.
    views: the folder of views, if there is one.
    Raises ConfigError for a folder that is bad at the start.
    """

    def __init__(
        self,
        folders: Sequence[Path] = (),
        on_change: Callable[[ConfigError | None], None] = lambda problem: None,
        views: Path | None = None,
    ) -> None:
        self._ours = _Loaded(load_pipeline(), {})
        self._folders = folders
        self._views = views
        more = [*folders[1:], *([views] if views else ())]
        self._watched = WatchedFile(folders[0], self._load, on_change, more) if folders else None

    @classmethod
    def from_environment(
        cls, on_change: Callable[[ConfigError | None], None] = lambda problem: None
    ) -> Self:
        """The pipelines over the folders in VARIABLES."""
        named = filter(None, map(os.environ.get, VARIABLES))
        views = os.environ.get(VIEWS)
        return cls([Path(folder) for folder in named], on_change, Path(views) if views else None)

    def of(self, tenant: str | None = None) -> Pipeline:
        """The pipeline for a tenant's items."""
        loaded = self._current()
        return loaded.general if tenant is None else loaded.special.get(tenant, loaded.general)

    def resolve(self, name: str) -> Detector | None:
        """The detector of that name: first among those of all tenants, then of any tenant."""
        loaded = self._current()
        for pipeline in (loaded.general, *loaded.special.values()):
            if (detector := pipeline.rules.resolve(name)) is not None:
                return detector
        return None

    def name(self, detector: str) -> str | None:
        """The name in the detector's file, by any of its spellings; None without a file."""
        found = self.resolve(detector)
        return found.name if found else None

    def known(self, tenant: str | None, detector: str) -> str | None:
        """The same, with the files of one tenant alone."""
        found = self.of(tenant).rules.resolve(detector)
        return found.name if found else None

    def canonical(self, name: str) -> str:
        """A name that all spellings and aliases of a detector share, known or not."""
        return self.of().rules.canonical(name)

    def current(self) -> None:
        """Read changed folders now; blocks while it reads."""
        self._current()

    @property
    def changed(self) -> bool:
        """Whether the next access reads the folder."""
        return self._watched is not None and self._watched.changed

    @property
    def problem(self) -> ConfigError | None:
        """The error of a folder while an earlier version is in use; else None."""
        self._current()
        return self._watched.problem if self._watched else None

    def _current(self) -> _Loaded:
        return self._watched.current() if self._watched else self._ours

    def _load(self, _: Path) -> _Loaded:
        ours = self._ours.general.guard
        own = own_labels(load_views(ours.taxonomy, self._views)) if self._views else {}
        by_tenant = load_own(self._folders, ours.rules, Vocabulary(ours.taxonomy, own))
        pipelines = {
            tenant: Pipeline(MappingGuard(rules, ours.taxonomy, ours.frameworks))
            for tenant, rules in by_tenant.items()
        }
        special = {tenant: one for tenant, one in pipelines.items() if tenant is not None}
        return _Loaded(pipelines[None], special)
