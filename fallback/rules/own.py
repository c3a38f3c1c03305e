"""Detector files of an operator, which override the project's files.

In: folders and the project's rules. Out: the rules of all tenants, and of each tenant with its own
files. A word of these files has no meaning for other detectors.

```yaml
detector: acme-guard         # a new detector, or one of the project's to extend or to correct
tenants: [acme]              # left out: all tenants
maps:
  self-harm talk: HARM.SELF_HARM.Other
```
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from fallback.rules.catalog import UNMAPPED, Detector, Detectors, Words
from fallback.rules.lookup import RuleMapper
from fallback.rules.normalise import match_key
from schemas.config.config_file import Text, config_error, read_config
from schemas.config.errors import ConfigError
from schemas.taxonomy import Vocabulary

#: The rules by tenant; None has those of every other tenant.
RulesByTenant = Mapping[str | None, RuleMapper]


class OwnDetector(Detector):
    """The keys of one file; only `detector` is required.

    tenants: the tenants whose outputs it applies to; empty for all tenants.
    """

    vendor: Text = "own"
    family: Text = "own"
    version: Text = "own"
    source: Text = "own file"
    maps: Words = Field(default_factory=dict)
    tenants: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _words_are_mapped(self) -> Self:
        """The words may be those of the detector that the file extends."""
        return self

    def over(self, base: Detector | None) -> Detector:
        """The detector of the file, or `base` with the entries of the file before its own."""
        if base is None:
            return self.model_copy(update={"own_only": _all_words(self)})
        given = {key: getattr(self, key) for key in self.model_fields_set - {"name", "tenants"}}
        # An entry applies to every spelling: it also replaces the base's entries for the others.
        said = {match_key(word): labels for word, labels in self.maps.items()}
        given["maps"] = {
            **{word: said.get(match_key(word), labels) for word, labels in base.maps.items()},
            **self.maps,
        }
        for key in ("thresholds", "legend"):
            given[key] = {**getattr(base, key), **getattr(self, key)}
        given["aliases"] = tuple(dict.fromkeys((*base.aliases, *self.aliases)))
        given["lower_is_worse"] = base.lower_is_worse | self.lower_is_worse
        given["own_only"] = base.own_only | _all_words(self)
        given["outputs"] = (*self.outputs, *base.outputs)
        return base.model_copy(update=given)


def load_own(folders: Sequence[Path], ours: RuleMapper, vocabulary: Vocabulary) -> RulesByTenant:
    """The rules with the folders' files over the project's own; the last folder has priority.

    Raises ConfigError, naming file, line and key, for an error in a file, for two files of a folder
    with the same detector and tenants, and for a missing folder.
    """
    files = [[(p, read_config(p, OwnDetector, vocabulary)) for p in _paths(f)] for f in folders]
    tenants = {tenant for some in files for _, own in some for tenant in own.tenants}
    rules: dict[str | None, RuleMapper] = {}
    for tenant in (None, *sorted(tenants)):
        # A tenant's file overrides one of all tenants.
        general = [[(path, own) for path, own in some if not own.tenants] for some in files]
        special = [[(path, own) for path, own in some if tenant in own.tenants] for some in files]
        detectors = ours.detectors
        for some in (*general, *special):
            detectors = _over(detectors, some)
        applied = [path for some in (*general, *special) for path, _ in some]
        own = _digest(applied, vocabulary)
        rules[tenant] = ours.extended(detectors, own, vocabulary) if applied else ours
    return rules


def _over(detectors: Detectors, files: Iterable[tuple[Path, OwnDetector]]) -> Detectors:
    changed: dict[str, Path] = {}
    for path, own in files:
        base = detectors.resolve(own.name)
        detector = own.over(base)
        if other := changed.get(detector.name):
            problem = f"{detector.name} is in {other.name} already; write both into one file"
            raise config_error(path, "detector", problem=problem)
        changed[detector.name] = path
        for key, word in detector.unmapped():
            raise config_error(path, key, word, problem=UNMAPPED)
        detectors = detectors.updated(path, detector)
    return detectors


def _all_words(own: OwnDetector) -> frozenset[str]:
    return own.own_only | own.maps.keys()


def _paths(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ConfigError(folder, "(folder)", "is not a folder; create it or correct the setting")
    return sorted(folder.glob("*.yaml"))


def _digest(paths: Iterable[Path], vocabulary: Vocabulary) -> str:
    content = hashlib.sha256()
    if vocabulary.own:
        content.update(json.dumps(sorted(vocabulary.own.items())).encode())
    for path in paths:
        content.update(path.read_bytes() + b"\0")
    return content.hexdigest()[:8]
