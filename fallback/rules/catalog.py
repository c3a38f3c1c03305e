"""The curated vocabularies of known detectors, one YAML file each.

In: the files of `detectors/`. Out: `Detectors`, found by any of their names, with the words of
each detector and their labels. `lookup` does the look-up of a word.
"""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Self, cast

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from fallback.reading.formats import Outputs
from fallback.rules.normalise import detector_key
from schemas.config.config_file import (
    ConfigModel,
    Number,
    Share,
    Text,
    config_error,
    read_config,
    refuse,
)
from schemas.config.errors import ConfigError
from schemas.contract import Kind
from schemas.taxonomy import Taxonomy, Vocabulary, load_taxonomy

Labels = tuple[str, ...]

UNMAPPED = "is not a word of `maps`; correct or add it there"

DETECTORS_DIR = Path(__file__).parents[1] / "detectors"


def _labels(value: object) -> object:
    """One label may be written without a list."""
    return (value,) if isinstance(value, str) else value


def _are_labels(labels: Labels, info: ValidationInfo) -> Labels:
    known = cast(Vocabulary, info.context)
    if not labels or len(set(labels)) < len(labels):
        raise refuse(problem="must name one label or a list of different labels")
    for label in labels:
        if label not in known:
            near = difflib.get_close_matches(label, known.names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            problem = f"{label!r} is not a label of taxonomy {known.taxonomy.version}{hint}"
            raise refuse(problem=problem)
    return labels


Words = Mapping[Text, Annotated[Labels, BeforeValidator(_labels), AfterValidator(_are_labels)]]


class Severity(ConfigModel):
    """A numeric scale of grades: `max` is the worst, `flagged_from` the lowest finding."""

    max: Number
    flagged_from: Number

    @model_validator(mode="after")
    def _within_the_scale(self) -> Self:
        if not 0 < self.flagged_from <= self.max:
            raise refuse("flagged_from", problem=f"must be over 0 and at most {self.max:g}")
        return self


class Detector(ConfigModel):
    """One detector and its vocabulary.

    family: shared by all detectors of one vendor or line, whose vocabularies are related.
    version, source: of the document with the vocabulary.
    kind: what it is about; None for several kinds, or for the kind that its name implies.
    maps: its own words, as it writes them, to taxonomy labels, most specific first.
    threshold, thresholds: a score at or above it is flagged, 0..1; `thresholds` by word.
    lower_is_worse: words of quality metrics, whose low scores are findings.
    legend: its opaque codes in words.
    own_only: words of `maps` that other detectors do not share (besides the legend's codes).
    outputs: the documented formats of its outputs, tried in this order.
    """

    name: Text = Field(alias="detector")
    aliases: tuple[Text, ...] = ()
    vendor: Text
    family: Text
    version: Text
    source: Text
    kind: Kind | None = None
    maps: Words = Field(min_length=1)
    threshold: Share = 0.5
    thresholds: Mapping[str, Share] = Field(default_factory=dict)
    lower_is_worse: frozenset[str] = frozenset()
    severity: Severity | None = None
    legend: Mapping[str, Text] = Field(default_factory=dict)
    own_only: frozenset[str] = frozenset()
    outputs: Outputs = ()

    @model_validator(mode="after")
    def _words_are_mapped(self) -> Self:
        for key, word in self.unmapped():
            raise refuse(key, word, problem=UNMAPPED)
        return self

    def unmapped(self) -> Iterator[tuple[str, str]]:
        """The words that other keys name and `maps` does not have: (key, word)."""
        for key in ("thresholds", "legend", "lower_is_worse", "own_only"):
            for word in sorted(set(getattr(self, key)) - self.maps.keys()):
                yield key, word


class Detectors(Mapping[str, Detector]):
    """All known detectors by canonical name; `resolve` also finds them by other spellings."""

    def __init__(self, by_name: dict[str, Detector], names: dict[str, str]) -> None:
        self._by_name = by_name
        self._names = names

    def __getitem__(self, name: str) -> Detector:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def resolve(self, name: str) -> Detector | None:
        """The detector of this name or alias, in any case and with any separators."""
        canonical = self._names.get(detector_key(name))
        return None if canonical is None else self._by_name[canonical]

    def updated(self, path: Path, detector: Detector) -> "Detectors":
        """A copy with a further detector, or with another version of one of them.

        Raises ConfigError, naming the key of `path`, for a name of another detector.
        """
        names = dict(self._names)
        for key, name in [("detector", detector.name), *(("aliases", a) for a in detector.aliases)]:
            owner = names.setdefault(detector_key(name), detector.name)
            if owner != detector.name:
                problem = f"{name!r} is a name of {owner} already; remove one"
                raise config_error(path, key, problem=problem)
        return Detectors(self._by_name | {detector.name: detector}, names)


def load_detectors(directory: Path = DETECTORS_DIR, taxonomy: Taxonomy | None = None) -> Detectors:
    """Every detector file of a directory, in the order of their names.

    Raises ConfigError, naming file and key, on a detector listed twice, an alias that two claim,
    a label outside the taxonomy, a threshold outside 0..1, or an unknown or missing key.
    """
    taxonomy = taxonomy or load_taxonomy()
    detectors = Detectors({}, {})
    for path in sorted(directory.glob("*.yaml")):
        detector = load_detector(path, taxonomy)
        if detector.name in detectors:
            problem = f"{detector.name} has a file already; remove one"
            raise config_error(path, "detector", problem=problem)
        if path.stem != detector.name:
            problem = f"{detector.name} belongs in {detector.name}.yaml"
            raise config_error(path, "detector", problem=problem)
        detectors = detectors.updated(path, detector)
    if not detectors:
        raise ConfigError(directory, "(directory)", "holds no detector files (*.yaml)")
    return detectors


def load_detector(path: Path, taxonomy: Taxonomy | None = None) -> Detector:
    """The detector of one file; raises ConfigError as `load_detectors` does."""
    return read_config(path, Detector, Vocabulary(taxonomy or load_taxonomy()))
