"""The curated vocabularies of known detectors, one YAML file each.

In: the files of `detectors/`. Out: `Detectors`, found by any of their names. Knows what a detector
says and what that means in the taxonomy, but neither raw outputs nor how a word is looked up.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fallback.reading.formats import Format, read_formats
from fallback.rules.normalise import detector_key
from schemas.errors import ConfigError
from schemas.taxonomy import Taxonomy, load_taxonomy
from schemas.yaml_file import check_keys, read_text, read_texts, read_yaml

Labels = tuple[str, ...]

DETECTORS_DIR = Path(__file__).parents[1] / "detectors"
_REQUIRED = {"detector", "vendor", "family", "version", "source", "maps"}
_OPTIONAL = frozenset(
    {
        "aliases",
        "threshold",
        "thresholds",
        "lower_is_worse",
        "severity",
        "legend",
        "own_only",
        "outputs",
    }
)


@dataclass(frozen=True, slots=True)
class Severity:
    """A numeric scale of grades: `max` is the worst, `flagged_from` the first that counts."""

    max: float
    flagged_from: float


@dataclass(frozen=True, slots=True)
class Detector:
    """One detector and its vocabulary.

    family: shared by all detectors of one vendor or line, whose vocabularies are related.
    version, source: what the vocabulary was read from.
    maps: its own words, as it writes them, to taxonomy labels, most specific first.
    threshold, thresholds: a score at or above it is flagged, 0..1; `thresholds` by word.
    lower_is_worse: words of quality metrics, whose low scores are the finding.
    legend: its opaque codes in words.
    own_only: words of `maps` that mean this in no other detector (besides the legend's codes).
    outputs: the documented formats of its outputs, tried in this order.
    """

    name: str
    aliases: tuple[str, ...]
    vendor: str
    family: str
    version: str
    source: str
    maps: Mapping[str, Labels]
    threshold: float
    thresholds: Mapping[str, float]
    lower_is_worse: frozenset[str]
    severity: Severity | None
    legend: Mapping[str, str]
    own_only: frozenset[str]
    outputs: tuple[Format, ...] = ()


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
        """The detector that goes by this name or alias, whatever its case and separators."""
        canonical = self._names.get(detector_key(name))
        return None if canonical is None else self._by_name[canonical]


def load_detectors(directory: Path = DETECTORS_DIR, taxonomy: Taxonomy | None = None) -> Detectors:
    """Every detector file of a directory, in the order of their names.

    Raises ConfigError, naming file and key, on a detector listed twice, an alias that two claim,
    a label outside the taxonomy, a threshold outside 0..1, or an unknown or missing key.
    """
    taxonomy = taxonomy or load_taxonomy()
    by_name: dict[str, Detector] = {}
    names: dict[str, str] = {}
    for path in sorted(directory.glob("*.yaml")):
        detector = _detector(path, taxonomy)
        if detector.name in by_name:
            raise ConfigError(path, "detector", f"{detector.name} has a file already; remove one")
        if path.stem != detector.name:
            raise ConfigError(path, "detector", f"{detector.name} belongs in {detector.name}.yaml")
        by_name[detector.name] = detector
        for key, name in [("detector", detector.name), *(("aliases", a) for a in detector.aliases)]:
            owner = names.setdefault(detector_key(name), detector.name)
            if owner != detector.name:
                raise ConfigError(path, key, f"{name!r} is a name of {owner} already; remove one")
    if not by_name:
        raise ConfigError(directory, "(directory)", "holds no detector files (*.yaml)")
    return Detectors(by_name, names)


def load_detector(path: Path, taxonomy: Taxonomy | None = None) -> Detector:
    """The detector of one file; raises ConfigError as `load_detectors` does."""
    return _detector(path, taxonomy or load_taxonomy())


def _detector(path: Path, taxonomy: Taxonomy) -> Detector:
    data = check_keys(path, "", read_yaml(path), _REQUIRED, _OPTIONAL)
    maps = {
        word: _labels(path, f"maps.{word}", labels, taxonomy)
        for word, labels in _mapping(path, "maps", data["maps"]).items()
    }
    if not maps:
        raise ConfigError(path, "maps", "is empty; a detector has at least one word")

    def words(key: str) -> frozenset[str]:
        given = read_texts(path, key, data.get(key, []))
        for word in given:
            _known(path, key, word, maps)
        return frozenset(given)

    thresholds = _mapping(path, "thresholds", data.get("thresholds", {}))
    legend = _mapping(path, "legend", data.get("legend", {}))
    for key, keyed in (("thresholds", thresholds), ("legend", legend)):
        for word in keyed:
            _known(path, key, word, maps)
    return Detector(
        name=read_text(path, "detector", data["detector"]),
        aliases=read_texts(path, "aliases", data.get("aliases", [])),
        vendor=read_text(path, "vendor", data["vendor"]),
        family=read_text(path, "family", data["family"]),
        version=read_text(path, "version", data["version"]),
        source=read_text(path, "source", data["source"]),
        maps=MappingProxyType(maps),
        threshold=_share(path, "threshold", data.get("threshold", 0.5)),
        thresholds=MappingProxyType(
            {word: _share(path, f"thresholds.{word}", x) for word, x in thresholds.items()}
        ),
        lower_is_worse=words("lower_is_worse"),
        severity=_severity(path, data["severity"]) if "severity" in data else None,
        legend=MappingProxyType(
            {code: read_text(path, f"legend.{code}", text) for code, text in legend.items()}
        ),
        own_only=words("own_only"),
        outputs=read_formats(path, "outputs", data.get("outputs", [])),
    )


def _mapping(path: Path, key: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(path, key, f"must be a mapping, not {value!r}")
    for word in value:
        if not isinstance(word, str):
            raise ConfigError(path, f"{key}.{word}", "must be text; put the key in quotes")
    return value


def _known(path: Path, key: str, word: str, maps: Mapping[str, Labels]) -> None:
    if word not in maps:
        raise ConfigError(path, f"{key}.{word}", "is not a word of `maps`; correct or add it there")


def _labels(path: Path, key: str, value: object, taxonomy: Taxonomy) -> Labels:
    labels = (value,) if isinstance(value, str) else read_texts(path, key, value)
    if not labels or len(set(labels)) < len(labels):
        raise ConfigError(path, key, "must name one label or a list of different labels")
    for label in labels:
        if label not in taxonomy:
            raise ConfigError(path, key, f"{label!r} is not a label of taxonomy {taxonomy.version}")
    return labels


def _number(path: Path, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(path, key, f"must be a number, not {value!r}")
    return float(value)


def _share(path: Path, key: str, value: object) -> float:
    number = _number(path, key, value)
    if not 0 <= number <= 1:
        raise ConfigError(path, key, f"{number:g} is outside 0..1; scores are compared as shares")
    return number


def _severity(path: Path, value: object) -> Severity:
    data = check_keys(path, "severity", value, {"max", "flagged_from"})
    worst, first = (_number(path, f"severity.{k}", data[k]) for k in ("max", "flagged_from"))
    if not 0 < first <= worst:
        raise ConfigError(path, "severity.flagged_from", f"must be over 0 and at most {worst:g}")
    return Severity(worst, first)
